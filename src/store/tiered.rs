//! The store as the other layers know it.
//!
//! Owns the deadline of every call and what is measured of it; what is done is the tiers'.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    Cleaned, Durable, DurableStore, EventPage, Outcome, Retention, Revocation, Revoked, StoreError, StoreMetrics,
    Write,
    metrics::{Operation, Operations},
};
use crate::domain::{Game, GameId, Sequence, SessionId, Timestamp};

/// What outlives memory. Cheap to clone; every clone is the same store.
///
/// Every call ends within the deadline. What [`DurableStore`] says of a call holds here too; a future may be dropped at
/// any time, which is as if its answer had been `Unknown`.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    durable: Durable,
    deadline: Duration,
    metrics: StoreMetrics,
}

/// What it means that a call did not end in time.
#[derive(Clone, Copy)]
enum Late {
    /// It only reads.
    Unavailable,
    /// It may still be written.
    Unknown,
}

impl Store {
    /// Puts the store together.
    #[must_use]
    pub fn new(durable: Durable, deadline: Duration, metrics: StoreMetrics) -> Self {
        Self(Arc::new(Inner { durable, deadline, metrics }))
    }

    /// Commits a batch: when this returns, all that was `Done` outlives a crash.
    ///
    /// # Errors
    /// `Unavailable`: nothing of the batch was written. `Unknown`: all of it was or will be, or nothing.
    pub async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
        let operations = Operations::of(&batch);
        self.call(operations, Late::Unknown, self.0.durable.commit(batch)).await
    }

    /// Loads games with their seats and at most `tail` newest events each, in the order asked for.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn load(&self, games: Vec<GameId>, tail: usize) -> Result<Vec<Option<Game>>, StoreError> {
        let call = self.0.durable.load(games, tail);
        self.call(Operations::just(Operation::LoadGame), Late::Unavailable, call).await
    }

    /// Reads at most `limit` events after a sequence; `None` where there is no such game.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn events_after(
        &self,
        game: GameId,
        after: Sequence,
        limit: usize,
    ) -> Result<Option<EventPage>, StoreError> {
        let call = self.0.durable.events_after(game, after, limit);
        self.call(Operations::just(Operation::FetchEvents), Late::Unavailable, call).await
    }

    /// Finds the game that a session belongs to.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn game_of_session(&self, session: SessionId) -> Result<Option<GameId>, StoreError> {
        self.call(Operations::NONE, Late::Unavailable, self.0.durable.game_of_session(session)).await
    }

    /// Revokes sessions and returns those that were not revoked before.
    ///
    /// # Errors
    /// `Unavailable`; `Unknown`: ask again, it is safe to repeat.
    pub async fn revoke(&self, which: Revocation, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        let call = self.0.durable.revoke(which, now);
        self.call(Operations::just(Operation::Revoke), Late::Unknown, call).await
    }

    /// Removes what nobody needs any more, as much as one call may. Ask again until it finds nothing.
    ///
    /// # Errors
    /// `Unavailable`; `Unknown`: ask again, it is safe to repeat.
    pub async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        let call = self.0.durable.clean_up(keep, now);
        self.call(Operations::just(Operation::Cleanup), Late::Unknown, call).await
    }

    /// Checks that the store answers and that its schema is the one this program expects.
    ///
    /// # Errors
    /// `Unavailable`, saying which of the two is not so.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.call(Operations::NONE, Late::Unavailable, self.0.durable.check()).await
    }

    async fn call<T>(
        &self,
        operations: Operations,
        late: Late,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        let result = timeout(self.0.deadline, call).await.unwrap_or_else(|_| Err(late.after(self.0.deadline)));
        self.0.metrics.observe(operations, started.elapsed(), result.is_err());
        result
    }
}

impl Late {
    fn after(self, deadline: Duration) -> StoreError {
        let why = format!("no answer within {deadline:?}");
        match self {
            Late::Unavailable => StoreError::Unavailable(why),
            Late::Unknown => StoreError::Unknown(why),
        }
    }
}
