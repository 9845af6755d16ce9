//! One game between two clients: they move in turn, lose connections, acknowledge, and are compared with the record.
//!
//! White acknowledges every move, Black every fifth, so that pruning has somebody to wait for. White is cut before it
//! reads the tenth move, and comes back with its position. Black is cut before it reads the confirmation of its own
//! twentieth, and comes back as a reloaded page does, with its token alone. And so on in turn.

use std::{fmt, time::Duration};

use tokio::{time::Instant, try_join};

use super::{
    clocks,
    findings::Findings,
    report::GameReport,
    script::{Side, cut_after, is_move, payload, reference},
};
use crate::client::{AccessClaims, Backend, ClientError, Dial, Outgoing, Seat, mint_access_token};

/// One game, before and while it is played.
pub struct Board {
    game_id: String,
    backend: Option<Backend>,
    white: Seat,
    black: Seat,
    moves_played: u64,
    cuts: u32,
    findings: Findings,
    deadline: Instant,
}

impl Board {
    /// Two seats that have not connected yet, with access tokens for this game that last for `lifetime`. `backend` makes
    /// the game; without one it is made by the first to join, where the server allows that.
    ///
    /// # Errors
    /// `Mint`, as [`mint_access_token`].
    pub fn new(
        url: &str,
        game_id: String,
        backend: Option<Backend>,
        access_secret: &str,
        lifetime: Duration,
        deadline: Instant,
    ) -> Result<Self, ClientError> {
        let seat = |side: Side| -> Result<Seat, ClientError> {
            let claims = AccessClaims {
                user_id: side.to_string(),
                games: Some(vec![game_id.clone()]),
                role: None,
                lifetime: lifetime + TOKEN_MARGIN,
            };
            let token = mint_access_token(&claims, access_secret)?;
            Ok(Seat::new(Dial::new(url, &game_id).with_access_token(token)))
        };
        let (white, black) = (seat(Side::White)?, seat(Side::Black)?);
        Ok(Self { game_id, backend, white, black, moves_played: 0, cuts: 0, findings: Findings::default(), deadline })
    }

    /// Plays the moves to the end, or until nothing goes any more; calls `moved` with each move's number.
    pub async fn play(mut self, moves: &[&str], moved: impl Fn(u64)) -> GameReport {
        if let Err(reason) = self.play_through(moves, moved).await {
            self.findings.miss(format!("stopped after move {}: {reason}", self.moves_played));
        }
        for side in [Side::White, Side::Black] {
            self.compare(side, moves);
            self.seat(side).close().await;
        }
        // A game that went wrong is left for whoever looks into it.
        if let Some(backend) = self.backend.as_ref().filter(|_| self.findings.misses.is_empty()) {
            let ended = backend.end_game(&self.game_id).await;
            self.findings.check(ended.is_ok(), || "the game could not be ended".to_owned());
        }
        self.report(moves.len())
    }

    async fn play_through(&mut self, moves: &[&str], moved: impl Fn(u64)) -> Result<(), String> {
        if let Some(backend) = &self.backend {
            let players = [Side::White, Side::Black].map(|side| side.to_string());
            let made = backend.make_game(&self.game_id, &players, Some(&clocks::time_control())).await;
            made.map_err(|error| error.to_string())?;
        }
        self.sit_down().await?;
        for (number, san) in (1..).zip(moves) {
            match cut_after(number) {
                None => self.make_move(number, san).await?,
                Some(Side::White) => self.cut_white_at(number, san).await?,
                Some(Side::Black) => self.cut_black_at(number, san).await?,
            }
            self.moves_played = number;
            moved(number);
            self.acknowledge(number, number == moves.len() as u64).await?;
        }
        self.come_back_to_nothing().await
    }

    async fn sit_down(&mut self) -> Result<(), String> {
        let soon = self.deadline.min(Instant::now() + SIT_DOWN_WITHIN);
        let white = async { self.white.resume(soon).await.map_err(stopped(Side::White, "join")) };
        let black = async { self.black.resume(soon).await.map_err(stopped(Side::Black, "join")) };
        try_join!(white, black).map(|_| ())
    }

    /// One side moves, the other waits until it sees it.
    async fn make_move(&mut self, number: u64, san: &str) -> Result<(), String> {
        let deadline = self.deadline;
        let side = Side::to_move(number);
        let (mover, waiting) = match side {
            Side::White => (&mut self.white, &mut self.black),
            Side::Black => (&mut self.black, &mut self.white),
        };
        let (payload, reference) = (payload(san), reference(number));
        let play = async {
            let played = mover.play("move", &payload, &reference, deadline).await;
            played.map_err(stopped(side, format!("play move {number}")))
        };
        let see = async {
            let seen = waiting.see(number, deadline).await;
            seen.map_err(stopped(side.other(), format!("see move {number}")))
        };
        try_join!(play, see).map(|_| ())
    }

    /// Black moves, and White is gone before it has read that.
    async fn cut_white_at(&mut self, number: u64, san: &str) -> Result<(), String> {
        let played = self.black.play("move", &payload(san), &reference(number), self.deadline).await;
        played.map_err(stopped(Side::Black, format!("play move {number}")))?;

        self.cut(Side::White);
        let resumed = self.white.resume(self.deadline).await;
        resumed.map_err(stopped(Side::White, format!("come back at move {number}")))?;

        let last = self.white.history().last();
        self.findings.check(last == number, || format!("white came back to move {last} instead of {number}"));
        self.check_return(Side::White).await
    }

    /// Black moves and is gone before it knows whether that was recorded; then it asks, under the same name.
    async fn cut_black_at(&mut self, number: u64, san: &str) -> Result<(), String> {
        let outgoing = Outgoing::event("move", payload(san)).named(reference(number));
        // Should it fail, the connection is gone already, which is as good.
        let _ = self.black.say(&outgoing).await;
        self.cut(Side::Black);
        self.black.forget_position();

        self.make_move(number, san).await?;
        self.check_return(Side::Black).await
    }

    /// After the last acknowledgement there is nothing left to replay, and nothing left to keep.
    async fn come_back_to_nothing(&mut self) -> Result<(), String> {
        let total = self.moves_played;
        self.cut(Side::White);
        self.cut(Side::Black);
        self.black.forget_position();
        for side in [Side::White, Side::Black] {
            let deadline = self.deadline;
            self.seat(side).resume(deadline).await.map_err(stopped(side, "come back after the last move"))?;
            let replayed = self.seat(side).resumes().last().map_or(0, |resumed| resumed.replayed);
            // A server that crashed just now may have lost the last acknowledgement, though no move.
            let undisturbed = self.seat(side).losses() == 0;
            self.findings.check(replayed == 0 || !undisturbed, || {
                format!("{side} had acknowledged all, and got {replayed} again")
            });
            let head = self.seat(side).welcome().map_or(0, |welcome| welcome.head_sequence);
            self.findings.check(head == total, || format!("{side} came back to head {head} after {total} moves"));
            self.check_return(side).await?;
            self.check_clocks(side);
        }
        Ok(())
    }

    /// The clocks that somebody was just welcomed with have lost the time between the moves, to the millisecond.
    fn check_clocks(&mut self, welcomed: Side) {
        let timer = self.seat(welcomed).welcome().and_then(|welcome| welcome.timer.clone());
        self.findings.check(timer.is_some() == self.backend.is_some(), || {
            format!("{welcomed} was told of clocks that nobody has set, or of none though they were")
        });
        let Some(timer) = timer else { return };
        let moves = self.white.history().events();
        for side in [Side::White, Side::Black] {
            let (told, due) = (timer.remaining_of(&side.to_string()), clocks::due(&timer, moves, side));
            self.findings.check(told == Some(due), || {
                format!("{welcomed} was told that {side} has {told:?} ms left, but the moves leave {due} ms")
            });
        }
    }

    fn cut(&mut self, side: Side) {
        self.seat(side).cut();
        self.cuts += 1;
    }

    async fn acknowledge(&mut self, number: u64, is_last: bool) -> Result<(), String> {
        let deadline = self.deadline;
        let white = async {
            let acked = self.white.acknowledge(number, deadline).await;
            acked.map_err(stopped(Side::White, format!("acknowledge move {number}")))
        };
        let black = async {
            if !is_last && !number.is_multiple_of(BLACK_ACKS_EVERY) {
                return Ok(None);
            }
            let acked = self.black.acknowledge(number, deadline).await;
            acked.map_err(stopped(Side::Black, format!("acknowledge move {number}")))
        };
        let (white, black) = try_join!(white, black)?;
        for (side, backlog) in [(Side::White, white), (Side::Black, black)] {
            let Some(backlog) = backlog else { continue };
            self.findings.check(backlog == 0, || {
                format!("{side} acknowledged move {number}, the last one, and was told of a backlog of {backlog}")
            });
        }
        Ok(())
    }

    /// The seat that has just come back is the old one, and the floor is where the slower acknowledgement is.
    async fn check_return(&mut self, side: Side) -> Result<(), String> {
        let resumed = self.seat(side).welcome().is_some_and(|welcome| welcome.resumed);
        self.findings.check(resumed, || format!("{side} came back with its token, and got a new session"));

        // Once something is amiss, waiting for the floor at every return would only make the run long.
        let patience = if self.findings.misses.is_empty() { FLOOR_WITHIN } else { Duration::ZERO };
        let give_up_at = self.deadline.min(Instant::now() + patience);
        while self.floor(side) < self.due_floor() && Instant::now() < give_up_at {
            let deadline = self.deadline;
            let pause = Instant::now() + FLOOR_PAUSE;
            // Listening, the other side notices a restart and repeats an acknowledgement that was lost in it.
            self.seat(side.other()).listen(pause, deadline).await.map_err(stopped(side.other(), "stay"))?;
            self.seat(side).cut();
            self.seat(side).resume(deadline).await.map_err(stopped(side, "come back"))?;
        }
        let (floor, due) = (self.floor(side), self.due_floor());
        self.findings.check(floor >= due, || {
            format!("{side} came back to floor {floor}, though both had acknowledged {due} well before")
        });
        let allowed = self.white.ack_wanted().min(self.black.ack_wanted());
        self.findings.check(floor <= allowed, || {
            format!("{side} came back to floor {floor}, though one side had acknowledged only {allowed}")
        });
        Ok(())
    }

    fn floor(&mut self, side: Side) -> u64 {
        self.seat(side).welcome().map_or(0, |welcome| welcome.floor_sequence)
    }

    fn due_floor(&self) -> u64 {
        self.white.acked().min(self.black.acked())
    }

    /// Compares what one side saw with the record, byte for byte.
    fn compare(&mut self, side: Side, moves: &[&str]) {
        let seat = match side {
            Side::White => &self.white,
            Side::Black => &self.black,
        };
        for fault in seat.history().faults() {
            self.findings.miss(format!("{side}: {fault}"));
        }
        let events = seat.history().events();
        let seen = events.len();
        self.findings.check(seen == moves.len(), || format!("{side} saw {seen} of {} moves", moves.len()));
        for ((number, san), event) in (1..).zip(moves).zip(events) {
            self.findings.check(is_move(event, number, san), || {
                format!("{side} saw {} {} where move {number}, {san}, belongs", event.event_type, event.payload)
            });
        }
    }

    fn report(self, moves_total: usize) -> GameReport {
        let seats = [&self.white, &self.black];
        let resumes: Vec<_> = seats.iter().flat_map(|seat| seat.resumes()).collect();
        GameReport {
            moves_total,
            losses: seats.iter().map(|seat| seat.losses()).sum(),
            replayed: resumes.iter().map(|resumed| resumed.replayed).sum(),
            resent: seats.iter().map(|seat| seat.resent()).sum(),
            resume_latencies: resumes.iter().map(|resumed| resumed.latency).collect(),
            game_id: self.game_id,
            moves_played: self.moves_played,
            cuts: self.cuts,
            findings: self.findings,
        }
    }

    fn seat(&mut self, side: Side) -> &mut Seat {
        match side {
            Side::White => &mut self.white,
            Side::Black => &mut self.black,
        }
    }
}

fn stopped(side: Side, doing: impl fmt::Display) -> impl FnOnce(ClientError) -> String {
    move |error| format!("{side} could not {doing}: {error}")
}

const BLACK_ACKS_EVERY: u64 = 5;
/// A server that is not there should be said to be missing soon.
const SIT_DOWN_WITHIN: Duration = Duration::from_secs(10);
/// Pruning is promised within 1 s; a restart may lie in between.
const FLOOR_WITHIN: Duration = Duration::from_secs(3);
const FLOOR_PAUSE: Duration = Duration::from_millis(100);
/// Tokens outlive the run, whatever the clocks say.
const TOKEN_MARGIN: Duration = Duration::from_secs(300);
