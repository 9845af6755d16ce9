//! Many players at many games, and what each was confirmed. They play through whatever happens to the service.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use rejoin::client::{ClientError, Dial, Event, Seat};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{Chance, Server, audit::audit, until};

/// How long it may take until everybody plays on, and until the last move is made. Long after it should be so.
const DEADLINE: Duration = Duration::from_secs(90);
/// Before a player starts over who gave up.
const BREATH: Duration = Duration::from_millis(20);
/// Nobody acknowledges in one game of so many, so that all of it can be read in the end.
const UNACKNOWLEDGED: usize = 4;

/// How a crowd plays.
#[derive(Clone, Copy)]
pub struct Style {
    /// Two players each.
    pub games: usize,
    /// Between two moves of a player, at random.
    pub pause_below_ms: u64,
    /// How long a player tries before it starts over. Where it is short, the growing pauses of the advised backoff do
    /// not keep players away for long; where a store is slow, it must be longer than the answer takes.
    pub patience: Duration,
}

/// Players who play until they are stopped.
pub struct Crowd {
    players: Vec<JoinHandle<Contender>>,
    arena: Arc<Arena>,
}

/// Players whose games are over.
pub struct Played(Vec<Contender>);

/// What happened to a crowd.
pub struct Report {
    /// Moves that were confirmed: all that were made.
    pub confirmed: usize,
    /// Connections lost, and returns to the seat.
    pub losses: usize,
    pub resumes: usize,
    /// Moves that were refused and made again, by what was said.
    pub refusals: BTreeMap<String, u32>,
    /// The longest that somebody was kept from playing.
    pub longest_outage: Duration,
}

/// What players and test know of each other.
struct Arena {
    over: AtomicBool,
    /// What each player was confirmed by now.
    confirmed: Vec<AtomicUsize>,
}

impl Crowd {
    /// Lets players sit down, each where the dial for game and user leads, and waits until all of them play.
    pub async fn gather(style: Style, chance: &mut Chance, dial: impl Fn(&str, &str) -> Dial) -> Self {
        let players = style.games * 2;
        let confirmed = (0..players).map(|_| AtomicUsize::new(0)).collect();
        let arena = Arc::new(Arena { over: AtomicBool::new(false), confirmed });
        let sit_down = |number| {
            let (game, who) = (number / 2, ["ann", "bob"][number % 2]);
            let game_id = format!("game-{game}");
            // One user may have only so many connections.
            let seat = Seat::new(dial(&game_id, &format!("{who}-{game}")));
            let contender = Contender {
                number,
                game_id,
                seat,
                confirmed: Vec::new(),
                acknowledges: game % UNACKNOWLEDGED + 1 < UNACKNOWLEDGED,
                longest_outage: Duration::ZERO,
            };
            tokio::spawn(contender.play(Arc::clone(&arena), style, chance.split()))
        };
        let crowd = Self { players: (0..players).map(sit_down).collect(), arena };
        crowd.goes_on().await;
        crowd
    }

    /// Waits until everybody was confirmed a move that was made after this call.
    pub async fn goes_on(&self) {
        let before = self.arena.confirmed();
        until("everybody to play on", DEADLINE, || {
            assert!(!self.players.iter().any(JoinHandle::is_finished), "a player's game has ended");
            // The first may have been under way already.
            self.arena.confirmed().iter().zip(&before).all(|(now, before)| *now >= before + 2)
        })
        .await;
    }

    /// Lets everybody finish the move they are at.
    pub async fn stop(self) -> Played {
        self.arena.over.store(true, Relaxed);
        let mut contenders = Vec::new();
        for player in self.players {
            contenders.push(timeout(DEADLINE, player).await.expect("somebody does not finish").unwrap());
        }
        Played(contenders)
    }
}

impl Played {
    /// Holds what everybody has seen, and was confirmed, against what the server has.
    pub async fn audit(mut self, server: &Server) -> Report {
        for game in self.0.chunks_mut(2) {
            audit(server, game).await;
        }
        let report = Report::of(&self.0);
        println!("{report}");
        report
    }
}

impl Report {
    fn of(contenders: &[Contender]) -> Self {
        let mut refusals = BTreeMap::new();
        for (code, times) in contenders.iter().flat_map(|contender| contender.seat.refusals()) {
            *refusals.entry(code.clone()).or_default() += times;
        }
        Self {
            confirmed: contenders.iter().map(|contender| contender.confirmed.len()).sum(),
            losses: contenders.iter().map(|contender| contender.seat.losses() as usize).sum(),
            resumes: contenders.iter().map(|contender| contender.seat.resumes().len()).sum(),
            refusals,
            longest_outage: contenders.iter().map(|contender| contender.longest_outage).max().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { confirmed, losses, resumes, refusals, longest_outage } = self;
        write!(f, "{confirmed} moves confirmed, {losses} connections lost, {resumes} resumed, refused {refusals:?}, ")?;
        write!(f, "longest outage {longest_outage:?}")
    }
}

impl Arena {
    fn confirmed(&self) -> Vec<usize> {
        self.confirmed.iter().map(|confirmed| confirmed.load(Relaxed)).collect()
    }
}

/// One player of one game, and what the server has confirmed to it.
pub(super) struct Contender {
    number: usize,
    pub(super) game_id: String,
    pub(super) seat: Seat,
    pub(super) confirmed: Vec<Event>,
    pub(super) acknowledges: bool,
    longest_outage: Duration,
}

impl Contender {
    /// Moves, acknowledges now and then, loses the connection sometimes, until it is over.
    async fn play(mut self, arena: Arc<Arena>, style: Style, mut chance: Chance) -> Self {
        while !arena.over.load(Relaxed) {
            let event = self.move_once(style.patience).await;
            self.confirmed.push(event);
            arena.confirmed[self.number].store(self.confirmed.len(), Relaxed);
            if self.acknowledges && chance.below(4) == 0 {
                let seen = self.seat.history().last();
                self.acknowledge(seen - chance.below(seen.min(3)), style.patience).await;
            }
            if chance.below(50) == 0 {
                self.seat.cut();
            }
            assert_eq!(self.seat.history().faults(), [], "{}", self.game_id);
            sleep(chance.millis_below(style.pause_below_ms)).await;
        }
        self
    }

    async fn move_once(&mut self, patience: Duration) -> Event {
        let reference = format!("r{}", self.confirmed.len());
        let payload = format!(r#"{{"n":{},"x":1.0}}"#, self.confirmed.len());
        let began = Instant::now();
        loop {
            match self.seat.play("move", &payload, &reference, Instant::now() + patience).await {
                Ok(event) => {
                    assert_eq!(event.payload.get(), payload);
                    self.longest_outage = self.longest_outage.max(began.elapsed());
                    return event;
                }
                Err(error) => start_over(error).await,
            }
        }
    }

    async fn acknowledge(&mut self, sequence: u64, patience: Duration) {
        while let Err(error) = self.seat.acknowledge(sequence, Instant::now() + patience).await {
            start_over(error).await;
        }
    }
}

/// Goes on where all that went wrong is that the service was away.
async fn start_over(error: ClientError) {
    assert!(matches!(error, ClientError::GaveUp { .. }), "{error}");
    sleep(BREATH).await;
}
