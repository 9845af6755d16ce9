//! Clients as the contract wants them, each checking what it sees.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;

use crate::{
    clock::Clock,
    domain::{Epoch, Event, Farewell, GameId, Position, ResumeToken, Sequence, Timer, Timestamp, UserId},
    shard::{ConnectionId, Delivery, Frame, FrameKind, FrameWriter, Outlet, Slow, messages::Welcome},
};

/// An outlet that keeps what it is given.
pub struct Wire {
    pub queue: Mutex<Vec<Delivery>>,
    pub closed: Mutex<Option<Farewell>>,
    pub gone: AtomicBool,
    pub clock: Clock,
}

impl Outlet for Wire {
    fn deliver(&self, delivery: Delivery) -> Result<(), Slow> {
        self.queue.lock().push(delivery);
        Ok(())
    }

    fn close(&self, why: Farewell) {
        self.closed.lock().get_or_insert(why);
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed) || self.closed.lock().is_some()
    }

    fn last_seen(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Writes just enough for a client to tell events apart.
pub struct Plain;

impl FrameWriter for Plain {
    fn event(&self, _: &GameId, event: &Event) -> Frame {
        Frame { kind: FrameKind::Event(event.sequence), text: name(event).into() }
    }

    fn presence(&self, _: &GameId, user: &UserId, _: bool, _: Timestamp) -> Frame {
        Frame { kind: FrameKind::Presence, text: user.as_str().into() }
    }

    fn time(&self, timer: &Timer) -> Frame {
        Frame { kind: FrameKind::Time, text: lasting(timer).into() }
    }
}

/// What tells an event from all others.
pub fn name(event: &Event) -> String {
    let client_ref = event.client_ref.as_ref().map_or("", |client_ref| client_ref.as_str());
    format!("{} {} {client_ref}", event.sequence, event.event_type)
}

/// What a timer says that is true until the clocks change: who has what left, or when a running clock is at zero.
pub fn lasting(timer: &Timer) -> String {
    let shown = timer.remaining.iter().map(|(user_id, left)| {
        let runs = !timer.paused && timer.active.as_ref() == Some(user_id);
        match (runs, left.is_zero()) {
            (false, _) => format!("{user_id} has {left:?}"),
            (true, false) => format!("{user_id} until {:?}", timer.at.plus(*left)),
            // Whatever it was, it is over.
            (true, true) => format!("{user_id} is out"),
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// One user and what it has seen.
pub struct Player {
    pub user_id: UserId,
    pub connection: Option<(ConnectionId, Arc<Wire>)>,
    pub token: Option<ResumeToken>,
    pub epoch: Option<Epoch>,
    /// The last event processed.
    pub seen: Sequence,
    /// By sequence, from 1: what was seen there.
    pub history: Vec<Option<String>>,
    /// Refs sent so far; the last may not be confirmed.
    pub refs: usize,
    /// The floor it was told of as it came in, or will be.
    pub told: Sequence,
    /// What it was last told of the clocks.
    pub timer: Option<String>,
    welcomed: bool,
}

impl Player {
    pub fn new(name: &str) -> Self {
        Self {
            user_id: UserId::parse(name).unwrap(),
            connection: None,
            token: None,
            epoch: None,
            seen: Sequence::ZERO,
            history: Vec::new(),
            refs: 0,
            told: Sequence::ZERO,
            timer: None,
            welcomed: false,
        }
    }

    pub fn position(&self) -> Option<Position> {
        self.epoch.map(|epoch| Position { epoch: Some(epoch), after: self.seen })
    }

    pub fn connect(&mut self, connection: ConnectionId, clock: Clock) -> Arc<Wire> {
        let wire =
            Arc::new(Wire { queue: Mutex::default(), closed: Mutex::default(), gone: AtomicBool::new(false), clock });
        self.connection = Some((connection, Arc::clone(&wire)));
        self.welcomed = false;
        wire
    }

    /// Whether it is in the game.
    pub fn is_in(&self) -> bool {
        self.welcomed && self.connection.is_some()
    }

    /// Processes what has come. Returns the position to ask on from, if any.
    pub fn process(&mut self, game_id: &GameId) -> Option<Sequence> {
        let (_, wire) = self.connection.clone()?;
        let mut ask_after = None;
        let deliveries = std::mem::take(&mut *wire.queue.lock());
        for delivery in deliveries {
            match delivery {
                Delivery::Welcome(welcome) => ask_after = self.enter(game_id, &welcome),
                Delivery::Page { events, more } => {
                    events.iter().for_each(|event| self.see(event.sequence, &name(event)));
                    ask_after = more.then_some(self.seen);
                }
                Delivery::Shared(Frame { kind: FrameKind::Event(sequence), text }) if sequence <= self.seen => {
                    // A repeat of its own: the original, to the sender alone, who may never have seen it.
                    let index = usize::try_from(sequence.number()).unwrap() - 1;
                    let known = self.history.get(index).and_then(Option::as_deref);
                    assert!(known.is_none_or(|known| text == known), "a repeat differs from its original");
                }
                Delivery::Shared(Frame { kind: FrameKind::Event(sequence), text }) => self.see(sequence, &text),
                Delivery::Shared(Frame { kind: FrameKind::Presence, text }) => {
                    assert_ne!(text, self.user_id.as_str(), "nobody is told of itself");
                }
                Delivery::Shared(Frame { kind: FrameKind::Time, text }) => self.timer = Some(text.to_string()),
                Delivery::Acknowledged { .. } | Delivery::Refused { .. } => {}
            }
        }
        if let Some(why) = *wire.closed.lock() {
            assert!(!matches!(why, Farewell::GameEnded | Farewell::Forbidden), "nobody ended the game: {why:?}");
            self.connection = None;
            return None;
        }
        ask_after
    }

    fn enter(&mut self, game_id: &GameId, welcome: &Welcome) -> Option<Sequence> {
        assert!(!self.welcomed, "welcomed once");
        self.welcomed = true;
        let session = welcome.session.expect("a player has a session");
        self.token = Some(ResumeToken {
            session_id: session.session_id,
            generation: session.generation,
            game_id: game_id.clone(),
            user_id: self.user_id.clone(),
        });
        if welcome.from != self.seen {
            // It is told where it stands, and starts over from there: what it has acknowledged it will not see again.
            assert!(
                welcome.from <= self.seen || welcome.gap.is_some() || self.epoch.is_none(),
                "a gap that is not owned up to"
            );
            self.seen = welcome.from;
        }
        self.epoch = Some(welcome.epoch);
        self.told = welcome.floor;
        self.timer = welcome.timer.as_ref().map(lasting);
        welcome.events.iter().for_each(|event| self.see(event.sequence, &name(event)));
        welcome.more.then_some(self.seen)
    }

    fn see(&mut self, sequence: Sequence, text: &str) {
        assert_eq!(sequence, self.seen.next(), "strictly increasing, no gap, no repeat");
        self.seen = sequence;
        let index = usize::try_from(sequence.number()).unwrap() - 1;
        if self.history.len() <= index {
            self.history.resize(index + 1, None);
        }
        if let Some(before) = &self.history[index] {
            assert_eq!(before, text, "seen again, an event is the same");
        }
        self.history[index] = Some(text.to_owned());
    }
}
