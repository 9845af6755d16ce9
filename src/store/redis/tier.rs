//! The Redis tier as the rest of the store knows it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use prometheus_client::registry::Registry;
use redis::{Cmd, Value};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    CacheWrite, CachedEvent, CachedGame, OpenOptions, PoolStatus, RedisError, RedisMetrics, RedisReport, Wanted,
    complaint::Complaint,
    connections::Connections,
    keeping::Keeping,
    keys::Keys,
    listener::Listener,
    member,
    message::NodeId,
    metrics::Purpose,
    plan::Planner,
    queue::{Queue, queue},
    report::report,
    seat,
    sweep::sweep,
    writer::Writer,
};
use crate::{
    domain::{GameId, SessionId, UserId},
    store::{Breaker, CacheOperation, Change, RegistryMetrics, pool::PoolGauges},
};

/// How often Redis is asked whether it answers, so that an outage is noticed, and its end, when nothing else is asked.
const PINGED: Duration = Duration::from_secs(1);
/// Removing all keys may take that long.
const SWEEP: Duration = Duration::from_secs(10);

/// Redis. Clones are the same.
#[derive(Clone)]
pub struct RedisTier(Arc<Inner>);

struct Inner {
    connections: Connections,
    queue: Queue,
    listener: Listener,
    keys: Keys,
    keeping: Keeping,
    metrics: RedisMetrics,
    registry_metrics: RegistryMetrics,
    complaint: Complaint,
}

impl RedisTier {
    /// Sets up the connections, which live in the runtime given. Doesn't wait for the server.
    ///
    /// # Errors
    /// `Url`: one says nothing.
    pub fn open(
        options: &OpenOptions,
        breaker: Breaker,
        registry_metrics: RegistryMetrics,
        metrics: &RedisMetrics,
        runtime: &Handle,
    ) -> Result<Self, RedisError> {
        let (keys, node) = (Keys::new(&options.namespace), NodeId::generate());
        let keeping = Keeping::new(options.ttl, options.retention);
        let listener = Listener::new(options, keys.changes(), node)?;
        let connections = {
            let _entered = runtime.enter();
            Connections::new(options, breaker, metrics.clone(), runtime.clone())?
        };
        let (queue, waiting) = queue(metrics.waiting.clone());
        let writer = Writer {
            waiting,
            planner: Planner::new(keeping.clone(), keys.clone(), node),
            connections: connections.clone(),
            registry_metrics: registry_metrics.clone(),
            complaint: Complaint::default(),
        };
        connections.spawn(writer.run());
        let inner = Arc::new(Inner {
            connections: connections.clone(),
            queue,
            listener,
            keys,
            keeping,
            metrics: metrics.clone(),
            registry_metrics,
            complaint: Complaint::default(),
        });
        connections.spawn(ping(Arc::downgrade(&inner)));
        Ok(Self(inner))
    }

    /// Sets how long a key lives after its last write, and how many events are kept of a game, from now on.
    pub fn keep(&self, ttl: Duration, events: usize) {
        self.0.keeping.set(ttl, events);
    }

    /// Registers gauges of the connections, read at each scrape.
    pub fn register_gauges(&self, registry: &mut Registry) {
        let pool = self.0.connections.pool();
        registry.register_collector(Box::new(PoolGauges { pool, prefix: "redis_pool", server: "Redis" }));
    }

    /// Reads what there is of games, all at once, in the order asked for. What can't be read is not there.
    ///
    /// # Errors
    /// `Resting`, `Unavailable`.
    pub async fn read(&self, wanted: &[Wanted]) -> Result<Vec<CachedGame>, RedisError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let groups = wanted.iter().map(|wanted| self.reading(wanted)).collect();
        let answers = self.0.connections.ask(Purpose::Read, groups).await.inspect_err(|error| {
            let seats = wanted.iter().filter(|wanted| wanted.user_id.is_some()).count();
            self.failed(error, CacheOperation::ReplayFetch, wanted.len());
            self.failed(error, CacheOperation::SessionByGameUser, seats);
        })?;
        Ok(answers.into_iter().map(cached_game).collect())
    }

    /// Finds the game that a session belongs to.
    ///
    /// # Errors
    /// `Resting`, `Unavailable`.
    pub async fn game_of_session(&self, session: SessionId) -> Result<Option<GameId>, RedisError> {
        let groups = vec![vec![Cmd::get(self.0.keys.session(session))]];
        let answers = self.0.connections.ask(Purpose::Session, groups).await;
        let answers = answers.inspect_err(|error| self.failed(error, CacheOperation::SessionById, 1))?;
        let game = answers.into_iter().flatten().next().and_then(bytes);
        Ok(game.and_then(|game| GameId::parse(str::from_utf8(&game).ok()?).ok()))
    }

    /// Writes, some time soon. May be dropped: when too much waits, or Redis is not there.
    pub fn write(&self, write: CacheWrite) {
        let Err(refused) = self.0.queue.offer(write) else { return };
        self.0.metrics.dropped.inc();
        if let Some(operation) = refused.operation() {
            self.0.registry_metrics.failed(operation, 1);
        }
        if self.0.complaint.is_due() {
            tracing::warn!(context = "GameSessionRegistryRedis", "Too much waits for Redis: writes are dropped");
        }
    }

    /// Removes a game's events and the seats of these users. What sessions say of their game stays, which never
    /// changes.
    ///
    /// # Errors
    /// `Resting`, `Unavailable`.
    pub async fn forget(&self, game: &GameId, users: &[UserId]) -> Result<(), RedisError> {
        let keys = &self.0.keys;
        let seats = users.iter().map(|user| keys.seat(game, user));
        let all: Vec<_> = [keys.events(game)].into_iter().chain(seats).collect();
        self.0.connections.ask(Purpose::Admin, vec![vec![Cmd::unlink(all)]]).await?;
        Ok(())
    }

    /// Removes everything of the namespace, and returns how many keys that were. May take 10 seconds.
    ///
    /// # Errors
    /// `Resting`; `Unavailable`: some of it may be removed.
    pub async fn forget_all(&self) -> Result<u64, RedisError> {
        let pattern = self.0.keys.pattern();
        self.0.connections.call(Purpose::Admin, SWEEP, move |connection| sweep(connection, pattern)).await
    }

    /// Hears what other nodes tell, from now on, until the receiver is dropped. Some may be lost.
    pub fn changes(&self) -> mpsc::Receiver<Change> {
        let (changes, listening) = self.0.listener.clone().listen();
        self.0.connections.spawn(listening);
        changes
    }

    /// Whether it answered a second ago, and is asked at all.
    pub fn is_connected(&self) -> bool {
        self.0.metrics.connected.get() == 1 && self.0.connections.are_in_use()
    }

    /// Asks how it is doing.
    ///
    /// # Errors
    /// `Resting`, `Unavailable`.
    pub async fn report(&self) -> Result<RedisReport, RedisError> {
        report(&self.0.connections, &self.0.keys).await
    }

    /// The connections at a glance.
    pub fn pool(&self) -> PoolStatus {
        self.0.connections.status()
    }

    fn reading(&self, wanted: &Wanted) -> Vec<Cmd> {
        let keys = &self.0.keys;
        let newest = isize::try_from(self.0.keeping.events()).unwrap_or(isize::MAX).saturating_neg();
        let events = Cmd::zrange(keys.events(&wanted.game_id), newest, -1);
        let seat = wanted.user_id.as_ref().map(|user| Cmd::get(keys.seat(&wanted.game_id, user)));
        [events].into_iter().chain(seat).collect()
    }

    /// Counts operations that failed, where Redis was asked at all.
    fn failed(&self, error: &RedisError, operation: CacheOperation, times: usize) {
        match error {
            RedisError::Resting(_) => {}
            RedisError::Unavailable(_) | RedisError::Url(_) => {
                self.0.registry_metrics.failed(operation, times as u64);
            }
        }
    }
}

/// Reads the answers about one game.
fn cached_game(answers: Vec<Value>) -> CachedGame {
    let mut answers = answers.into_iter();
    let members = match answers.next() {
        Some(Value::Array(members)) => members,
        _ => Vec::new(),
    };
    let mut events: Vec<CachedEvent> =
        members.into_iter().filter_map(bytes).filter_map(|member| member::decode(&member)).collect();
    // As a rule they are in order. A score is not written by us alone.
    events.sort_by_key(|cached| cached.event.sequence);
    CachedGame { events, seat: answers.next().and_then(bytes).and_then(|json| seat::decode(&json)) }
}

fn bytes(answer: Value) -> Option<Vec<u8>> {
    match answer {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// Asks every second whether Redis answers, for as long as anybody uses it.
async fn ping(tier: Weak<Inner>) {
    let mut turns = interval(PINGED);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let Some(tier) = tier.upgrade() else { return };
        let answer = tier.connections.ping().await;
        tier.metrics.connected.set(i64::from(answer.is_ok()));
    }
}
