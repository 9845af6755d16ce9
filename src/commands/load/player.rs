//! One player of a load run: connects, plays, is lost, comes back.
//!
//! A task a connection, a timer only where somebody waits for a time, no copy of an event: the load shares its machine
//! with the server. Whose turn it is follows from the last event alone, so players of one game need not know each other.

mod frames;
mod turns;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use uuid::Uuid;

use super::{
    glance::Glance,
    tally::{Count, Latency},
    terms::{Game, Phase, Run, Style},
};
use crate::client::{Advice, Backoff, ClientError, Credential, Dial, Ending, Fault, Incoming, Link, Order, Welcome};

/// One player.
pub struct Player {
    run: Arc<Run>,
    game: Arc<Game>,
    /// Its place in the order of turns.
    place: usize,
    user_id: String,
    style: Style,
    dial: Dial,
    phases: watch::Receiver<Phase>,
    link: Option<Link>,
    order: Order,
    faults_told: usize,
    pending: Option<Pending>,
    /// The last move that was sent more than once, whose original may come twice.
    sent_again: u64,
    turn_began: Instant,
    drop_at: Option<Instant>,
    backoff: Backoff,
    connected_at: Instant,
    reconnect_after: Option<Duration>,
}

/// A move that is not confirmed.
struct Pending {
    sequence: u64,
    /// In microseconds since the run began.
    at: u64,
    /// When it is sent again.
    retry_at: Instant,
}

/// Why a conversation ended without a fault.
enum Left {
    ByChance,
    AsTold,
}

impl Player {
    /// A player who is not connected yet.
    pub fn new(
        run: Arc<Run>,
        game: Arc<Game>,
        place: usize,
        user_id: String,
        style: Style,
        dial: Dial,
        phases: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            run,
            game,
            place,
            user_id,
            style,
            dial,
            phases,
            link: None,
            order: Order::default(),
            faults_told: 0,
            pending: None,
            sent_again: 0,
            turn_began: Instant::now(),
            drop_at: None,
            backoff: Backoff::default(),
            connected_at: Instant::now(),
            reconnect_after: None,
        }
    }

    /// Connects, or comes back, and takes in what was missed.
    ///
    /// # Errors
    /// As [`Link::connect`] and [`Link::text`].
    pub async fn connect(&mut self) -> Result<(), ClientError> {
        let returns = self.order.position();
        let is_return = returns.is_some();
        self.dial.position = returns;
        let dialled_at = Instant::now();
        let mut link = Link::connect(&self.dial).await?;
        self.connected_at = dialled_at;
        let patience = self.dial.patience;
        let text = timeout(patience, link.text()).await.map_err(|_| deadline("being welcomed", patience))??;
        let Incoming::Resume(welcome) = Incoming::parse(&text)? else {
            return Err(ClientError::Malformed { reason: "GAME_RESUME is not first".to_owned() });
        };
        self.welcomed(&welcome, is_return);
        let (told, mut came) = (welcome.replay_count, 0);
        while came < told {
            let text = timeout(patience, link.text()).await.map_err(|_| deadline("the replay", patience))??;
            let kind = Glance::at(&text)?.kind;
            self.take(&text)?;
            match kind {
                "GAME_REPLAY" => came += 1,
                "GAME_MOVE" => {
                    self.fault(Fault::ReplayCount { told, came });
                    break;
                }
                // Others may come and go meanwhile.
                _presence => {}
            }
        }
        let took = dialled_at.elapsed();
        if is_return {
            self.run.tally.count(Count::Resumed);
            self.run.tally.time(Latency::Resume, took);
            if told > 0 {
                link.ack(self.order.last()).await?;
            }
        } else {
            self.run.tally.count(Count::Connected);
            self.run.tally.time(Latency::Connect, took);
        }
        // What was under way when the connection was lost, and is not in the replay, is sent again.
        if let Some(pending) = &mut self.pending {
            pending.retry_at = Instant::now();
        }
        self.run.tally.came();
        self.link = Some(link);
        Ok(())
    }

    fn welcomed(&mut self, welcome: &Welcome, is_return: bool) {
        self.order.begin(welcome);
        self.tell_faults();
        if is_return && !welcome.resumed {
            self.fault("came with its token, and was not resumed");
        }
        if let Some(token) = &welcome.token {
            self.dial.credential = Credential::ResumeToken(token.clone());
        }
        self.game.seen[self.place].fetch_max(self.order.last(), Ordering::Relaxed);
        self.turn_began = Instant::now();
        self.drop_at = self.style.drops.map(|drops| self.turn_began + at_random(drops.every * 2));
    }

    /// Plays until it is stopped from outside, or until the server forbids it to come back.
    pub async fn run(mut self) {
        loop {
            let ended = self.converse().await;
            let held = self.connected_at.elapsed();
            if let Some(link) = self.link.take() {
                self.run.tally.left();
                link.cut();
            }
            match ended {
                Ok(Left::ByChance) => {
                    self.run.tally.count(Count::Cut);
                    let longest = self.style.drops.map_or(Duration::ZERO, |drops| drops.away);
                    sleep(at_random(longest)).await;
                }
                Ok(Left::AsTold) => {
                    self.run.tally.count(Count::Cut);
                    let Some(due) = self.told_to_return().await else { return };
                    sleep_until(due).await;
                    if !self.come_back().await {
                        return;
                    }
                    self.run.tally.time(Latency::Return, due.elapsed());
                    continue;
                }
                Err(error) => {
                    self.run.tally.count(Count::Lost);
                    if !self.pause(&error, held).await {
                        return;
                    }
                }
            }
            if !self.come_back().await {
                return;
            }
        }
    }

    /// Dials until it is there again; false where it must not.
    async fn come_back(&mut self) -> bool {
        while let Err(error) = self.connect().await {
            if !self.pause(&error, Duration::ZERO).await {
                return false;
            }
        }
        true
    }

    /// Waits as long as the protocol asks for; false where it forbids to come back.
    async fn pause(&mut self, error: &ClientError, held: Duration) -> bool {
        self.run.tally.refused(&reason(error));
        let asked = self.reconnect_after.take();
        match (error.advice(), asked) {
            (Advice::Stop, _) => {
                self.fault(format_args!("gave up: {error}"));
                return false;
            }
            (Advice::AfterDraining, Some(pause)) => sleep(pause).await,
            (Advice::AfterDraining, None) | (Advice::Backoff, _) => sleep(self.backoff.pause(held)).await,
        }
        true
    }

    /// Waits until it is told to come back; returns when that is.
    async fn told_to_return(&mut self) -> Option<Instant> {
        loop {
            if let Phase::Back { from, apart } = *self.phases.borrow_and_update() {
                return Some(from + apart * self.game.seats_before(self.place));
            }
            self.phases.changed().await.ok()?;
        }
    }
}

/// What a failure is counted as: its code, in as many words as there are kinds of it.
pub fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Ended(Ending::Closed { code, reason }) => format!("closed {code} {reason}"),
        ClientError::Ended(Ending::Lost { .. }) => "lost".to_owned(),
        ClientError::UpgradeRefused { status, .. } | ClientError::HttpRefused { status, .. } => {
            format!("HTTP {status}")
        }
        ClientError::Unreachable { source, .. } => format!("unreachable: {}", source.kind()),
        ClientError::Deadline { doing, .. } => format!("late: {doing}"),
        ClientError::Refused(refusal) => refusal.code.clone(),
        ClientError::Malformed { .. } | ClientError::Handshake { .. } => "outside the protocol".to_owned(),
        ClientError::Address { .. } | ClientError::GaveUp { .. } | ClientError::Mint(_) => "not tried".to_owned(),
    }
}

/// Anything up to this, each as likely as the other.
fn at_random(longest: Duration) -> Duration {
    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX).max(1);
    // The low 62 bits of a version 4 UUID are all random.
    Duration::from_nanos((Uuid::new_v4().as_u64_pair().1 & (u64::MAX >> 2)) % nanos)
}

fn gone(cause: &str) -> ClientError {
    ClientError::Ended(Ending::Lost { cause: cause.to_owned() })
}

fn deadline(doing: &'static str, within: Duration) -> ClientError {
    ClientError::Deadline { doing, within }
}
