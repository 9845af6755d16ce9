//! The store as the other layers know it.
//!
//! Owns the deadline of every call and what is measured of it; what is done is the tiers'.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    Cleaned, Durable, DurableStore, EventPage, Outcome, PageLimit, Retention, Revocation, Revoked, StoreError,
    StoreMetrics, Write,
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

    /// Reads the first events after a sequence, within a limit; `None` where there is no such game.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn events_after(
        &self,
        game: GameId,
        after: Sequence,
        limit: PageLimit,
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

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::store::faulty::{Fault, Faults, FaultyStore, Whose};

    fn store(deadline: Duration) -> (Store, Faults) {
        let (durable, faults) = FaultyStore::temporary();
        let metrics = StoreMetrics::register(&mut Registry::default());
        (Store::new(Durable::Faulty(durable), deadline, metrics), faults)
    }

    fn game(id: &str) -> Game {
        Game::new(GameId::parse(id).unwrap(), Timestamp::default(), 0)
    }

    fn making(id: &str) -> Vec<Write> {
        vec![Write::CreateGame(Box::new(game(id)))]
    }

    async fn exists(store: &Store, id: &str) -> bool {
        store.load(vec![GameId::parse(id).unwrap()], 0).await.unwrap()[0].is_some()
    }

    #[tokio::test]
    async fn a_late_write_is_unknown_and_a_late_read_is_unavailable() {
        let (store, faults) = store(Duration::from_millis(50));
        faults.set(Whose::All, Fault::Stuck);

        assert!(matches!(store.commit(making("g")).await, Err(StoreError::Unknown(_))));
        assert!(matches!(store.load(Vec::new(), 0).await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_fault_harms_only_the_games_it_is_for_until_it_is_lifted() {
        let (store, faults) = store(Duration::from_secs(9));
        faults.set(Whose::GamesLike("bad"), Fault::Unavailable);

        assert_eq!(store.commit(making("good-1")).await, Ok(vec![Outcome::Done]));
        assert!(matches!(store.commit(making("bad-1")).await, Err(StoreError::Unavailable(_))));
        faults.lift();
        assert!(!exists(&store, "bad-1").await);
    }

    #[tokio::test]
    async fn an_unknown_outcome_may_be_either() {
        let (store, faults) = store(Duration::from_secs(9));

        for (id, fault, done) in [("a", Fault::UnknownDone, true), ("b", Fault::UnknownNotDone, false)] {
            faults.once(Whose::All, fault);
            assert!(matches!(store.commit(making(id)).await, Err(StoreError::Unknown(_))));
            assert_eq!(exists(&store, id).await, done);
        }
        assert_eq!(store.commit(making("c")).await, Ok(vec![Outcome::Done]), "once is once");
    }

    #[tokio::test]
    async fn what_is_stuck_goes_on_when_it_is_released() {
        let (store, faults) = store(Duration::from_secs(9));
        faults.set(Whose::All, Fault::Stuck);

        let release = async { faults.lift() };
        let (outcome, ()) = tokio::join!(store.commit(making("g")), release);

        assert_eq!(outcome, Ok(vec![Outcome::Done]));
    }
}
