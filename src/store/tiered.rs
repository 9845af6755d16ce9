//! The store as the other layers know it.
//!
//! Owns the deadline of every call, the breaker before reads, the way a game is found through the tiers, and what is
//! measured of all that; what is done is the tiers'.

use std::{future::Future, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio::time::{Instant, timeout};

use super::{
    Breaker, BreakerLimits, BreakerMetrics, BreakerView, Cache, CacheTotals, Cleaned, Deadline, Dependency, Durable,
    DurableStore, EventPage, Outcome, PageLimit, RegistryMetrics, Retention, Revocation, Revoked, Stand, StoreError,
    StoreMetrics, Write,
    metrics::{Operation, Operations},
    redis::{CachedEvent, Wanted},
};
use crate::domain::{Game, GameId, Sequence, SessionId, Timestamp, UserId};

/// What outlives memory. Cheap to clone; every clone is the same store.
///
/// Every call ends within the deadline. What [`DurableStore`] says of a call holds here too; a future may be dropped at
/// any time, which is as if its answer had been `Unknown`.
#[derive(Clone)]
pub struct Store(Arc<Tiers>);

/// What a store is made of.
pub struct Tiers {
    pub durable: Durable,
    /// The Redis tier, where there is one.
    pub cache: Option<Cache>,
    /// Before reads of the durable tier: what keeps failing is refused at once.
    pub reads: Breaker,
    /// How long a call may take.
    pub deadline: Deadline,
    pub metrics: StoreMetrics,
    pub registry: RegistryMetrics,
}

/// A game that was not in memory.
#[derive(Debug)]
pub struct Loaded {
    pub game: Game,
    pub origin: Origin,
    /// Whose seat is further than the durable tier knows: to be written.
    pub ahead: Option<UserId>,
}

/// What outlives memory of a game.
#[derive(Debug)]
pub struct Whereabouts {
    /// From the durable tier, without its events.
    pub game: Option<Game>,
    pub in_redis: InRedis,
}

/// What Redis has of a game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InRedis {
    /// It is not asked: there is none, or the game is not of the share that uses it.
    Unused,
    /// It does not answer.
    Unreachable,
    /// So many events of the game's present life.
    Events(usize),
}

/// Where a game's events came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Redis,
    Durable,
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
    pub fn new(tiers: Tiers) -> Self {
        Self(Arc::new(tiers))
    }

    /// A durable tier with nothing before it, its metrics in `registry`.
    #[must_use]
    pub fn of_one_tier(durable: Durable, deadline: Duration, limits: BreakerLimits, registry: &mut Registry) -> Self {
        Self::new(Tiers {
            durable,
            cache: None,
            reads: Breaker::new(Dependency::Store, limits, &BreakerMetrics::register(registry)),
            deadline: Deadline::new(deadline),
            metrics: StoreMetrics::register(registry),
            registry: RegistryMetrics::register(registry),
        })
    }

    /// Commits a batch: when this returns, all that was `Done` outlives a crash.
    ///
    /// # Errors
    /// `Unavailable`: nothing of the batch was written. `Unknown`: all of it was or will be, or nothing.
    pub async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
        let operations = Operations::of(&batch);
        let prepared = self.0.cache.as_ref().map(|cache| {
            cache.before_commit(&batch);
            (cache, cache.prepare(&batch))
        });
        let outcomes = self.call(operations, Late::Unknown, self.0.durable.commit(batch)).await?;
        if let Some((cache, prepared)) = prepared {
            cache.after_commit(prepared, &outcomes);
        }
        Ok(outcomes)
    }

    /// Loads games with their seats and at most `tail` newest events each, in the order asked for.
    ///
    /// The durable tier says where a game stands and who sits there. Its events come from Redis where they are all
    /// there, else from the durable tier, and Redis is given them again.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn load(&self, wanted: Vec<Wanted>, tail: usize) -> Result<Vec<Option<Loaded>>, StoreError> {
        self.read(Operations::just(Operation::LoadGame), self.find(wanted, tail)).await
    }

    async fn find(&self, wanted: Vec<Wanted>, tail: usize) -> Result<Vec<Option<Loaded>>, StoreError> {
        let mut sought = match &self.0.cache {
            Some(cache) if cache.is_connected() => self.find_by(cache, &wanted, tail).await?,
            Some(_) | None => wanted.iter().map(|_| Sought::Missing).collect(),
        };
        let missing: Vec<usize> = (0..wanted.len()).filter(|index| matches!(sought[*index], Sought::Missing)).collect();
        self.0.registry.missed_everywhere(missing.len() as u64);
        if !missing.is_empty() {
            let games = missing.iter().map(|index| wanted[*index].game_id.clone()).collect();
            for (index, game) in missing.into_iter().zip(self.0.durable.load(games, tail).await?) {
                let Some(game) = game else {
                    sought[index] = Sought::NoGame;
                    continue;
                };
                if let Some(cache) = self.0.cache.as_ref().filter(|cache| cache.has(&game.id)) {
                    cache.repair(&game);
                }
                sought[index] = Sought::Found(Box::new(Loaded { game, origin: Origin::Durable, ahead: None }));
            }
        }
        Ok(sought.into_iter().map(Sought::into_found).collect())
    }

    /// Asks Redis and the durable tier side by side.
    async fn find_by(&self, cache: &Cache, wanted: &[Wanted], tail: usize) -> Result<Vec<Sought>, StoreError> {
        let asked: Vec<Wanted> = wanted.iter().filter(|wanted| cache.has(&wanted.game_id)).cloned().collect();
        if asked.is_empty() {
            return Ok(wanted.iter().map(|_| Sought::Missing).collect());
        }
        let games = asked.iter().map(|wanted| wanted.game_id.clone()).collect();
        let (games, cached) = futures_util::future::join(self.0.durable.load(games, 0), cache.read(&asked)).await;
        // Nothing, where Redis fails.
        let mut cached = cached.into_iter();
        let mut known = asked.into_iter().zip(games?).map(|(wanted, game)| match (game, cached.next()) {
            (None, _) => Sought::NoGame,
            (Some(_), None) => Sought::Missing,
            (Some(game), Some(cached)) => cache.complete(game, cached, wanted.user_id.as_ref(), tail),
        });
        let each = |wanted: &Wanted| if cache.has(&wanted.game_id) { known.next() } else { None };
        Ok(wanted.iter().map(each).map(|sought| sought.unwrap_or(Sought::Missing)).collect())
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
        self.0.registry.missed_everywhere(1);
        let call = self.0.durable.events_after(game, after, limit);
        self.read(Operations::just(Operation::FetchEvents), call).await
    }

    /// Finds the game that a session belongs to, or did.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn game_of_session(&self, session: SessionId) -> Result<Option<GameId>, StoreError> {
        if let Some(cache) = &self.0.cache
            && let Some(game_id) = cache.game_of_session(session).await
        {
            return Ok(Some(game_id));
        }
        self.0.registry.missed_everywhere(1);
        let found = self.read(Operations::NONE, self.0.durable.game_of_session(session)).await?;
        if let (Some(cache), Some(game_id)) = (&self.0.cache, &found) {
            cache.remember_session(session, game_id);
        }
        Ok(found)
    }

    /// Says where games stand, in the order asked for; `None` where there is no such game.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn stands(&self, games: Vec<GameId>) -> Result<Vec<Option<Stand>>, StoreError> {
        self.read(Operations::NONE, self.0.durable.stands(games)).await
    }

    /// Lists the sessions that were revoked at or after a time, on whichever node.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn revoked_since(&self, at: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        self.read(Operations::NONE, self.0.durable.revoked_since(at)).await
    }

    /// Revokes sessions and returns those that were not revoked before.
    ///
    /// # Errors
    /// `Unavailable`; `Unknown`: ask again, it is safe to repeat.
    pub async fn revoke(&self, which: Revocation, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        let call = self.0.durable.revoke(which, now);
        let revoked = self.call(Operations::just(Operation::Revoke), Late::Unknown, call).await?;
        if let Some(cache) = &self.0.cache {
            cache.revoked(&revoked);
        }
        Ok(revoked)
    }

    /// Removes what nobody needs any more, as much as one call may. Ask again until it finds nothing.
    ///
    /// # Errors
    /// `Unavailable`; `Unknown`: ask again, it is safe to repeat.
    pub async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        let call = self.0.durable.clean_up(keep, now);
        let cleaned = self.call(Operations::just(Operation::Cleanup), Late::Unknown, call).await?;
        self.0.metrics.removed(&cleaned);
        if let Some(cache) = &self.0.cache {
            cache.cleaned(&cleaned);
        }
        Ok(cleaned)
    }

    /// Checks that the store answers and that its schema is the one this program expects.
    ///
    /// # Errors
    /// `Unavailable`, saying which of the two is not so.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.call(Operations::NONE, Late::Unavailable, self.0.durable.check()).await
    }

    /// Whether other nodes may write to the durable tier too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.0.durable.is_shared()
    }

    /// The Redis tier, where there is one.
    #[must_use]
    pub fn cache(&self) -> Option<&Cache> {
        self.0.cache.as_ref()
    }

    /// Removes a game, or everything of ours, from Redis, where there is one. The durable tier keeps it all.
    ///
    /// # Errors
    /// `Unavailable`: some of it may be left.
    pub async fn forget_cached(&self, game_id: Option<&GameId>) -> Result<(), StoreError> {
        let Some(cache) = &self.0.cache else { return Ok(()) };
        let forgotten = match game_id {
            None => cache.forget_all().await.map(drop),
            Some(game_id) => {
                // Redis can be asked for a seat by its user's name only.
                let found = self.read(Operations::NONE, self.0.durable.load(vec![game_id.clone()], 0)).await?;
                let seats = found.iter().flatten().flat_map(|game| game.seats());
                cache.forget(game_id, &seats.map(|seat| seat.user_id.clone()).collect::<Vec<_>>()).await
            }
        };
        forgotten.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// Looks where a game is, and takes it into no tier.
    ///
    /// # Errors
    /// `Unavailable`: the durable tier does not say.
    pub async fn whereabouts(&self, game_id: &GameId) -> Result<Whereabouts, StoreError> {
        let wanted = [Wanted { game_id: game_id.clone(), user_id: None }];
        let cached = async {
            match &self.0.cache {
                Some(cache) if cache.has(game_id) => Some(cache.read(&wanted).await),
                Some(_) | None => None,
            }
        };
        let durable = self.read(Operations::NONE, self.0.durable.load(vec![game_id.clone()], 0));
        let (durable, cached) = futures_util::future::join(durable, cached).await;
        let game = durable?.pop().flatten();
        let is_of_it = |cached: &&CachedEvent| {
            game.as_ref().is_some_and(|game| cached.epoch == game.epoch && cached.event.sequence > game.floor)
        };
        let in_redis = match cached.as_deref() {
            None => InRedis::Unused,
            Some([]) => InRedis::Unreachable,
            Some(found) => InRedis::Events(found.iter().flat_map(|cached| &cached.events).filter(is_of_it).count()),
        };
        Ok(Whereabouts { game, in_redis })
    }

    /// How each circuit breaker stands.
    #[must_use]
    pub fn breakers(&self) -> Vec<BreakerView> {
        let redis = self.0.cache.as_ref().map(|cache| cache.breaker().view());
        redis.into_iter().chain([self.0.reads.view()]).collect()
    }

    /// Sets when calls from now on are given up, and when the breakers open.
    pub fn take_up(&self, deadline: Duration, limits: BreakerLimits) {
        self.0.deadline.set(deadline);
        self.0.durable.set_deadline(sooner(deadline));
        let redis = self.0.cache.as_ref().map(Cache::breaker);
        redis.into_iter().chain([&self.0.reads]).for_each(|breaker| breaker.set_limits(limits));
    }

    /// What became of lookups, memory's included.
    #[must_use]
    pub fn totals(&self) -> CacheTotals {
        self.0.registry.totals()
    }

    /// Calls the durable tier for something that only reads, unless it keeps failing.
    async fn read<T>(
        &self,
        operations: Operations,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let permit = self.0.reads.admit().map_err(|open| StoreError::Unavailable(open.to_string()))?;
        let result = self.call(operations, Late::Unavailable, call).await;
        permit.ended(&result);
        result
    }

    async fn call<T>(
        &self,
        operations: Operations,
        late: Late,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let (started, deadline) = (Instant::now(), self.0.deadline.get());
        let result = timeout(deadline, call).await.unwrap_or_else(|_| Err(late.after(deadline)));
        self.0.metrics.observe(operations, started.elapsed(), result.is_err());
        result
    }
}

/// When a tier gives a call up that is given up after `deadline`: a little before, so that what happened can still be told.
#[must_use]
pub fn sooner(deadline: Duration) -> Duration {
    deadline * 9 / 10
}

/// What came of looking for a game.
pub(super) enum Sought {
    Found(Box<Loaded>),
    NoGame,
    /// The durable tier has to be asked for its events.
    Missing,
}

impl Sought {
    fn into_found(self) -> Option<Loaded> {
        match self {
            Self::Found(loaded) => Some(*loaded),
            Self::NoGame | Self::Missing => None,
        }
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
    use super::*;
    use crate::store::faulty::{Fault, Faults, FaultyStore, Whose};

    fn store(deadline: Duration) -> (Store, Faults) {
        let (durable, faults) = FaultyStore::temporary();
        let (limits, mut registry) = (BreakerLimits::default(), Registry::default());
        (Store::of_one_tier(Durable::Faulty(durable), deadline, limits, &mut registry), faults)
    }

    fn game(id: &str) -> Game {
        Game::new(GameId::parse(id).unwrap(), Timestamp::default(), 0)
    }

    fn making(id: &str) -> Vec<Write> {
        vec![Write::CreateGame(Box::new(game(id)))]
    }

    async fn exists(store: &Store, id: &str) -> bool {
        let wanted = Wanted { game_id: GameId::parse(id).unwrap(), user_id: None };
        store.load(vec![wanted], 0).await.unwrap()[0].is_some()
    }

    #[tokio::test]
    async fn a_late_write_is_unknown_and_a_late_read_is_unavailable() {
        let (store, faults) = store(Duration::from_millis(50));
        faults.set(Whose::All, Fault::Stuck);

        assert!(matches!(store.commit(making("g")).await, Err(StoreError::Unknown(_))));
        let wanted = Wanted { game_id: game("g").id, user_id: None };
        assert!(matches!(store.load(vec![wanted], 0).await, Err(StoreError::Unavailable(_))));
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
