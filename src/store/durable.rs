//! What every durable tier can do. The suite in `conformance` says in detail what that means.

use std::{future::Future, time::Duration};

use super::{Outcome, StoreError, Write};
use crate::domain::{Epoch, Event, Game, GameId, Sequence, SessionId, Timestamp, UserId};

/// Events read from the log.
#[derive(Debug)]
pub struct EventPage {
    pub epoch: Epoch,
    pub head: Sequence,
    pub floor: Sequence,
    /// In order, without holes.
    pub events: Vec<Event>,
}

/// How much of a log to read at a time. An event is read whole; one is read in any case.
#[derive(Debug, Clone, Copy)]
pub struct PageLimit {
    pub events: usize,
    /// Bytes of payload after which no further event is read.
    pub bytes: usize,
}

/// Whose sessions to revoke.
#[derive(Debug, Clone)]
pub enum Revocation {
    Session(SessionId),
    /// Every session of a user.
    User(UserId),
}

/// A session that was revoked, which it was not before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    pub game_id: GameId,
    pub user_id: UserId,
    pub session_id: SessionId,
}

/// Where a game stands, for whoever has it in memory to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    pub epoch: Epoch,
    pub head: Sequence,
    pub seats_version: u64,
    /// 0 in a game without clocks.
    pub clock_version: u64,
}

/// How long what nobody needs is kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Seats whose users are away that long (and whose tokens have expired) are removed.
    pub absent_after: Duration,
    /// Games that nobody touched that long are removed, and so are the receipts of refs.
    pub untouched_for: Duration,
}

/// What a clean-up removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    pub sessions: u64,
    pub events: u64,
    /// The games that lost a seat: whoever has one of them in memory must look again.
    pub unseated: Vec<GameId>,
    /// The games removed; their seats and events count above.
    pub games: Vec<GameId>,
}

/// The source of truth.
///
/// Every call ends within the tier's own deadline. Calls may be made from any thread, many at once.
pub trait DurableStore: Send + Sync + 'static {
    /// Commits a batch: when this returns, all that was `Done` outlives a crash.
    ///
    /// # Errors
    /// `Unavailable`: nothing of the batch was written. `Unknown`: all of it was, or nothing.
    fn commit(&self, batch: Vec<Write>) -> impl Future<Output = Result<Vec<Outcome>, StoreError>> + Send;

    /// Loads games with their seats and at most `tail` newest events each, in the order asked for.
    ///
    /// # Errors
    /// `Unavailable`.
    fn load(
        &self,
        games: Vec<GameId>,
        tail: usize,
    ) -> impl Future<Output = Result<Vec<Option<Game>>, StoreError>> + Send;

    /// Reads the first events after a sequence, within a limit; `None` where there is no such game.
    ///
    /// # Errors
    /// `Unavailable`.
    fn events_after(
        &self,
        game: GameId,
        after: Sequence,
        limit: PageLimit,
    ) -> impl Future<Output = Result<Option<EventPage>, StoreError>> + Send;

    /// Finds the game that a session belongs to.
    ///
    /// # Errors
    /// `Unavailable`.
    fn game_of_session(&self, session: SessionId) -> impl Future<Output = Result<Option<GameId>, StoreError>> + Send;

    /// Says where games stand, in the order asked for; `None` where there is no such game.
    ///
    /// # Errors
    /// `Unavailable`.
    fn stands(&self, games: Vec<GameId>) -> impl Future<Output = Result<Vec<Option<Stand>>, StoreError>> + Send;

    /// Lists the sessions that were revoked at or after a time.
    ///
    /// # Errors
    /// `Unavailable`.
    fn revoked_since(&self, at: Timestamp) -> impl Future<Output = Result<Vec<Revoked>, StoreError>> + Send;

    /// Revokes sessions, in one statement, and returns those that were not revoked before.
    ///
    /// # Errors
    /// `Unavailable`; `Unknown`: ask again, it is safe to repeat.
    fn revoke(
        &self,
        which: Revocation,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Revoked>, StoreError>> + Send;

    /// Removes what nobody needs any more, as much as one call may. Ask again until it finds nothing.
    ///
    /// A seat that is removed leaves its last sign of life to its game, as the time of its last change.
    ///
    /// # Errors
    /// `Unavailable`; `Unknown`: ask again, it is safe to repeat.
    fn clean_up(&self, keep: Retention, now: Timestamp) -> impl Future<Output = Result<Cleaned, StoreError>> + Send;

    /// Checks that the store answers and that its schema is the one this program expects.
    ///
    /// # Errors
    /// `Unavailable`, saying which of the two is not so.
    fn check(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}
