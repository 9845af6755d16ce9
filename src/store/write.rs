//! What a durable store is asked to write, and what came of it.
//!
//! Each write names the state it was decided on; where that has moved on, the write does nothing and says so.

use std::{sync::Arc, time::Duration};

use crate::domain::{
    Epoch, Event, Game, GameClock, GameId, Generation, Payload, Seat, Sequence, SessionId, Summary, Timestamp, UserId,
};

/// One write. Those of one batch are committed together, and each is done whole or not at all.
#[derive(Debug, Clone)]
pub enum Write {
    /// Appends events to a game.
    Append(Append),
    /// Makes a game, without seats or events. `Stale` where it exists.
    CreateGame(Box<Game>),
    /// Changes what a game's backend has set. `Stale` where the game's seats or clocks have changed.
    ChangeGame(Box<GameChange>),
    /// Changes a game's clocks without an event. `Stale` where they have changed.
    PutClock(Box<ClockChange>),
    /// Looks for events that these repeat, and writes nothing: `Repeated`, or `Done` where there are none.
    Recall { game_id: GameId, events: Vec<Arc<Event>> },
    /// Keeps a summary. `Stale` where the game has another epoch.
    PutSummary { game_id: GameId, epoch: Epoch, summary: Summary, at: Timestamp },
    /// Takes a seat, in place of the user's one before. `Stale` where the game's seats have changed, or where more was
    /// pruned than is known: who sits down would be promised events that are gone.
    TakeSeat { game_id: GameId, epoch: Epoch, expected_seats_version: u64, known_floor: Sequence, seat: Box<Seat> },
    /// Ends a game: its row, seats, events and receipts. `Stale` where the game has another epoch.
    DeleteGame { game_id: GameId, epoch: Epoch },
    /// Notes how far users have seen, raises floors, and vouches for clocks. Never `Stale`: what no longer fits is passed
    /// over.
    Marks { seats: Vec<SeatMark>, floors: Vec<Floor>, clocks: Vec<Served> },
}

/// Events for one game, to follow a head.
#[derive(Debug, Clone)]
pub struct Append {
    pub game_id: GameId,
    pub epoch: Epoch,
    /// The head that the events build on. `Stale` where the game has another.
    pub expected_head: Sequence,
    /// The version of the clocks that the events build on; 0 in a game without. `Stale` where the game has another.
    pub expected_clock: u64,
    /// In order, the first one following `expected_head`.
    pub events: Vec<Arc<Event>>,
    /// The clocks after the events, where those change them.
    pub clock: Option<Box<GameClock>>,
}

/// What a game's backend may set, all of it as it is to be.
#[derive(Debug, Clone)]
pub struct GameChange {
    pub game_id: GameId,
    pub epoch: Epoch,
    pub expected_seats_version: u64,
    pub players: Vec<UserId>,
    pub open: Option<bool>,
    pub metadata: Option<Payload>,
    pub expected_clock: u64,
    /// The clocks and their control, where they are to change.
    pub clock: Option<Box<GameClock>>,
    pub at: Timestamp,
}

/// Clocks that change although nothing was recorded.
#[derive(Debug, Clone)]
pub struct ClockChange {
    pub game_id: GameId,
    pub epoch: Epoch,
    pub expected_clock: u64,
    pub clock: GameClock,
    pub at: Timestamp,
}

/// How far a user has seen, and when there was a sign of life. Every field only ever moves forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatMark {
    pub session_id: SessionId,
    pub last_ack: Sequence,
    pub proven: Generation,
    pub issued: Generation,
    pub issued_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whose seat this is, where the mark says all of it and not just what has moved.
    pub whole: Option<(GameId, UserId)>,
}

impl SeatMark {
    /// A mark that moves nothing.
    fn nothing(session_id: SessionId) -> Self {
        Self {
            session_id,
            last_ack: Sequence::ZERO,
            proven: Generation::default(),
            issued: Generation::default(),
            issued_at: Timestamp::default(),
            last_seen_at: Timestamp::default(),
            expires_at: Timestamp::default(),
            whole: None,
        }
    }

    /// The mark of a client that was heard of.
    #[must_use]
    pub fn sign_of_life(session_id: SessionId, seen: Timestamp, ttl: Duration) -> Self {
        Self { last_seen_at: seen, expires_at: seen.plus(ttl), ..Self::nothing(session_id) }
    }

    /// The mark of a client that has shown its token of this generation.
    #[must_use]
    pub fn proof(session_id: SessionId, generation: Generation) -> Self {
        Self { proven: generation, issued: generation, ..Self::nothing(session_id) }
    }

    /// The mark of a seat as it stands.
    #[must_use]
    pub fn of(game_id: &GameId, seat: &Seat) -> Self {
        Self {
            whole: Some((game_id.clone(), seat.user_id.clone())),
            session_id: seat.session_id,
            last_ack: seat.last_ack,
            proven: seat.proven,
            issued: seat.issued,
            issued_at: seat.issued_at,
            last_seen_at: seat.last_seen_at,
            expires_at: seat.expires_at,
        }
    }

    /// Moves a seat of this session forward to where the mark is. Returns whether it was behind.
    pub fn advance(&self, seat: &mut Seat) -> bool {
        let before = seat.clone();
        seat.last_ack = seat.last_ack.max(self.last_ack);
        seat.proven = seat.proven.max(self.proven);
        seat.issued = seat.issued.max(self.issued);
        seat.issued_at = seat.issued_at.max(self.issued_at);
        seat.last_seen_at = seat.last_seen_at.max(self.last_seen_at);
        seat.expires_at = seat.expires_at.max(self.expires_at);
        *seat != before
    }
}

/// A floor to raise: the events up to and with it are removed.
///
/// It was worked out from the seats of one version, and does not count where they have changed since: a seat taken
/// elsewhere may still need the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floor {
    pub game_id: GameId,
    pub epoch: Epoch,
    pub seats_version: u64,
    pub floor: Sequence,
}

/// That a node served a game, and so counted the time of its clocks. Only ever moves forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub game_id: GameId,
    pub epoch: Epoch,
    /// Clocks that were changed since are vouched for by that change.
    pub clock_version: u64,
    pub until: Timestamp,
}

/// What came of one write of a committed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Written.
    Done,
    /// Not written: the game is not as the write expected it. Load it afresh.
    Stale,
    /// Not written: these events (by their place in the append) were recorded before. An original that was pruned
    /// meanwhile comes with the payload of its repeat, which its sender vouches to be the same.
    Repeated(Vec<(usize, Arc<Event>)>),
}
