//! What Redis does for the service, with real servers.

mod cluster;
mod faults;
mod keeping;
mod server;
mod telling;
mod tls;

use std::{num::NonZeroU32, time::Duration};

use prometheus_client::{encoding::text::encode, registry::Registry};
use redis::{Cmd, aio::MultiplexedConnection};
use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, sleep},
};
use uuid::Uuid;

use self::server::Server;
use super::{
    CacheWrite, CachedGame, OpenOptions, Place, RedisError, RedisMetrics, RedisTier, Wanted, dialer::client, keys::Keys,
};
use crate::{
    domain::{Epoch, Event, GameId, Sequence, SessionId},
    store::{
        Breaker, BreakerLimits, BreakerMetrics, Dependency, RegistryMetrics, SeatMark,
        conformance::table::{NONE, event, game_id, seat, user},
    },
};

const TIMEOUT: Duration = Duration::from_millis(250);
const TTL: Duration = Duration::from_mins(1);
const RETENTION: usize = 5;
const MIN_CALLS: NonZeroU32 = NonZeroU32::new(4).unwrap();
const RESET: Duration = Duration::from_millis(300);

/// A node's Redis tier and all that it is opened with.
struct Node {
    tier: RedisTier,
    breaker: Breaker,
    registry: Registry,
    namespace: String,
}

impl Node {
    /// One with a namespace of its own, at the server that tests share.
    async fn alone() -> Self {
        Self::at(&shared().await, &fresh_namespace())
    }

    fn at(url: &str, namespace: &str) -> Self {
        Self::open(&options(Place::Single(url.to_owned()), namespace), &Handle::current()).unwrap()
    }

    fn open(options: &OpenOptions, runtime: &Handle) -> Result<Self, RedisError> {
        let mut registry = Registry::default();
        let limits = BreakerLimits { error_percent: 50, min_calls: MIN_CALLS, reset_after: RESET };
        let breaker = Breaker::new(Dependency::Redis, limits, &BreakerMetrics::register(&mut registry));
        let registry_metrics = RegistryMetrics::register(&mut registry);
        let metrics = RedisMetrics::register(&mut registry);
        let tier = RedisTier::open(options, breaker.clone(), registry_metrics, &metrics, runtime)?;
        tier.register_gauges(&mut registry);
        Ok(Self { tier, breaker, registry, namespace: options.namespace.clone() })
    }

    fn keys(&self) -> Keys {
        Keys::new(&self.namespace)
    }

    /// Waits until all that was written before is there.
    async fn settle(&self) {
        let (session_id, game_id) = (SessionId::generate(), game_id("settled"));
        self.tier.write(CacheWrite::Session { session_id, game_id });
        until(async || self.tier.game_of_session(session_id).await.unwrap().is_some()).await;
    }

    async fn append(&self, game: &Game, numbers: impl IntoIterator<Item = u64>) {
        self.tier.write(game.appending(numbers));
        self.settle().await;
    }

    async fn read(&self, game: &Game) -> CachedGame {
        let wanted = Wanted { game_id: game.id.clone(), user_id: Some(user("ann")) };
        self.tier.read(&[wanted]).await.unwrap().remove(0)
    }

    /// The numbers of the events there are.
    async fn numbers(&self, game: &Game) -> Vec<u64> {
        numbers(&self.read(game).await)
    }

    /// A counter's or gauge's value.
    fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

fn options(place: Place, namespace: &str) -> OpenOptions {
    OpenOptions {
        place,
        namespace: namespace.to_owned(),
        pool_min: 2,
        pool_max: 10,
        timeout: TIMEOUT,
        ttl: TTL,
        retention: RETENTION,
    }
}

/// A game as its owner knows it.
struct Game {
    id: GameId,
    epoch: Epoch,
}

impl Game {
    fn named(name: &str) -> Self {
        Self { id: game_id(name), epoch: Epoch::generate() }
    }

    fn appending(&self, numbers: impl IntoIterator<Item = u64>) -> CacheWrite {
        let events = numbers.into_iter().map(|number| event(number).into()).collect();
        CacheWrite::Append { game_id: self.id.clone(), epoch: self.epoch, events }
    }
}

fn numbers(cached: &CachedGame) -> Vec<u64> {
    cached.events.iter().map(|cached| cached.event.sequence.number()).collect()
}

async fn shared() -> String {
    spawn_blocking(|| Server::shared().url.clone()).await.unwrap()
}

/// Past the tier, as somebody else would.
async fn behind(url: &str) -> MultiplexedConnection {
    client(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn run<T: redis::FromRedisValue>(url: &str, command: Cmd) -> T {
    command.query_async(&mut behind(url).await).await.unwrap()
}

fn fresh_namespace() -> String {
    format!("test-{}", Uuid::new_v4().simple())
}

async fn until(condition: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < Duration::from_secs(10), "it never came to that");
        sleep(Duration::from_millis(5)).await;
    }
}

/// What Redis keeps of a seat of this user.
fn mark_of(name: &str) -> SeatMark {
    SeatMark { whole: None, ..SeatMark::of(&game_id("g"), &seat(name)) }
}
