//! What is believed of Redis: with a real one, and a durable tier that others write to behind its back.

use std::{future::Future, sync::LazyLock, time::Duration};

use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::*;
use crate::{
    domain::Seat,
    store::{
        BreakerLimits, BreakerMetrics, Deadline, Dependency, Durable, DurableStore, Revocation, Store, StoreMetrics,
        Tiers,
        conformance::table::{NOW, TTL, Table, event, seat, tail, user},
        redis::{OpenOptions, Place, RedisMetrics},
        services::{Given, Kind, Service},
        sqlite::{self, SqliteStore},
    },
};

const RETENTION: usize = 5;
const DEADLINE: Duration = Duration::from_secs(5);
const ALL: ReadThrough = ReadThrough { enabled: true, percent: 100 };

/// A store with Redis before it, and the database that it shares with another node.
struct Node {
    store: Store,
    /// Another node's way to the same database. Redis is not told of what it does.
    other: SqliteStore,
    _folder: TempDir,
}

impl Node {
    async fn with(share: ReadThrough) -> Self {
        static REDIS: LazyLock<Service> = LazyLock::new(|| Service::start(Kind::Redis, Given::Used));
        let url = spawn_blocking(|| REDIS.url.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteStore::open(folder.path().join("games.db"), &sqlite::OpenOptions::default()).unwrap();
        let options = OpenOptions {
            place: Place::Single(url),
            namespace: format!("test-{}", Uuid::new_v4()),
            pool_min: 1,
            pool_max: 4,
            timeout: DEADLINE,
            ttl: TTL,
            retention: RETENTION,
        };
        let mut registry = Registry::default();
        let breakers = BreakerMetrics::register(&mut registry);
        let [reads, redis] =
            [Dependency::Store, Dependency::Redis].map(|of| Breaker::new(of, BreakerLimits::default(), &breakers));
        let metrics = RegistryMetrics::register(&mut registry);
        let redis_metrics = RedisMetrics::register(&mut registry);
        let tier = RedisTier::open(&options, redis.clone(), metrics.clone(), &redis_metrics, &Handle::current());
        let store = Store::new(Tiers {
            durable: Durable::Sqlite(open()),
            cache: Some(Cache::new(tier.unwrap(), redis, share, metrics.clone())),
            reads,
            deadline: Deadline::new(DEADLINE),
            metrics: StoreMetrics::register(&mut registry),
            registry: metrics,
        });
        let node = Self { store, other: open(), _folder: folder };
        until("Redis answers", async || node.cache().is_connected()).await;
        node
    }

    fn cache(&self) -> &Cache {
        self.store.cache().unwrap()
    }

    async fn load(&self, table: &Table<'_, SqliteStore>, name: &str) -> Loaded {
        let wanted = Wanted { game_id: table.id.clone(), user_id: Some(user(name)) };
        self.store.load(vec![wanted], RETENTION).await.unwrap().remove(0).unwrap()
    }

    /// Waits until the game is found in Redis.
    async fn until_cached(&self, table: &Table<'_, SqliteStore>) {
        until("the game is in Redis", async || self.load(table, "ann").await.origin == Origin::Redis).await;
    }

    /// Makes a game with `head` events, written through to Redis.
    async fn game(&self, head: u64) -> Table<'_, SqliteStore> {
        let table = Table::set(&self.other, "g", 0).await;
        if head > 0 {
            let appending = table.appending(0, (1..=head).map(event).collect());
            assert_eq!(self.store.commit(vec![appending]).await.unwrap(), [Outcome::Done]);
        }
        table
    }

    async fn sit(&self, table: &Table<'_, SqliteStore>, seats_version: u64, seat: &Seat) {
        assert_eq!(self.store.commit(vec![table.seating(seats_version, seat)]).await.unwrap(), [Outcome::Done]);
    }
}

async fn until<F: Future<Output = bool>>(awaited: &str, holds: impl Fn() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(10), "waited in vain until {awaited}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_cold_game_comes_from_redis_when_all_of_it_is_there() {
    let node = Node::with(ALL).await;
    let table = node.game(9).await;
    node.until_cached(&table).await;

    let loaded = node.load(&table, "ann").await;

    let durable = table.load(RETENTION).await;
    assert_eq!(tail(&loaded.game), [5, 6, 7, 8, 9]);
    assert_eq!((loaded.game.tail().start(), loaded.game.head()), (durable.tail().start(), durable.head()));
    assert_eq!(
        loaded.game.tail().after(durable.tail().start()).unwrap().last(),
        durable.tail().after(durable.tail().start()).unwrap().last()
    );
}

#[tokio::test]
async fn events_that_redis_was_not_told_of_are_never_missed_and_repaired() {
    let node = Node::with(ALL).await;
    let table = node.game(3).await;
    node.until_cached(&table).await;
    table.append(3, vec![event(4)]).await;

    let loaded = node.load(&table, "ann").await;

    assert_eq!((loaded.origin, tail(&loaded.game)), (Origin::Durable, vec![1, 2, 3, 4]));
    node.until_cached(&table).await;
    assert_eq!(tail(&node.load(&table, "ann").await.game), [1, 2, 3, 4]);
}

#[tokio::test]
async fn events_that_are_pruned_are_not_given_out_however_late_redis_hears_of_it() {
    let node = Node::with(ALL).await;
    let table = node.game(4).await;
    node.until_cached(&table).await;
    table.prune(0, 2).await;

    let loaded = node.load(&table, "ann").await;

    assert_eq!((loaded.origin, tail(&loaded.game)), (Origin::Redis, vec![3, 4]));
}

#[tokio::test]
async fn events_of_a_life_before_are_not_given_out() {
    let node = Node::with(ALL).await;
    let before = node.game(3).await;
    node.until_cached(&before).await;
    let delete = Write::DeleteGame { game_id: before.id.clone(), epoch: before.epoch };
    assert_eq!(node.other.commit(vec![delete]).await.unwrap(), [Outcome::Done]);
    let now = Table::set(&node.other, "g", 3).await;

    let loaded = node.load(&now, "ann").await;

    assert_eq!((loaded.origin, loaded.game.epoch, tail(&loaded.game)), (Origin::Durable, now.epoch, vec![1, 2, 3]));
}

#[tokio::test]
async fn a_seat_that_redis_still_has_is_revoked_all_the_same() {
    let node = Node::with(ALL).await;
    let (table, ann) = (node.game(3).await, seat("ann"));
    node.sit(&table, 0, &ann).await;
    node.until_cached(&table).await;
    node.other.revoke(Revocation::Session(ann.session_id), NOW).await.unwrap();

    let loaded = node.load(&table, "ann").await;

    assert!(loaded.game.live_seat(&user("ann")).is_none());
    assert_eq!((loaded.origin, loaded.ahead), (Origin::Redis, None));
}

#[tokio::test]
async fn how_far_a_user_has_seen_is_known_though_the_durable_tier_was_not_told() {
    let node = Node::with(ALL).await;
    let (table, ann) = (node.game(3).await, seat("ann"));
    node.sit(&table, 0, &ann).await;
    let said = |last_ack| SeatMark::of(&table.id, &Seat { last_ack: Sequence::new(last_ack), ..ann.clone() });
    let batch = |mark| vec![Write::Marks { seats: vec![mark], floors: Vec::new(), clocks: Vec::new() }];
    // As if the node had ended before its batch was committed.
    node.cache().before_commit(&batch(said(2)));

    until("the mark is in Redis", async || node.load(&table, "ann").await.ahead.is_some()).await;

    let loaded = node.load(&table, "ann").await;
    assert_eq!(loaded.ahead, Some(user("ann")));
    assert_eq!(loaded.game.seat(&user("ann")).unwrap().last_ack, Sequence::new(2));
    // What nobody can have seen is not believed.
    node.cache().before_commit(&batch(said(4)));
    until("that is not taken over", async || node.load(&table, "ann").await.ahead.is_none()).await;
    assert_eq!(node.load(&table, "ann").await.game.seat(&user("ann")).unwrap().last_ack, Sequence::ZERO);
}

#[tokio::test]
async fn a_session_is_found_by_redis_alone_and_forgotten_with_a_flush() {
    let node = Node::with(ALL).await;
    let (table, ann) = (node.game(0).await, seat("ann"));
    node.sit(&table, 0, &ann).await;
    until("the session is in Redis", async || node.cache().game_of_session(ann.session_id).await.is_some()).await;

    assert_eq!(node.cache().game_of_session(ann.session_id).await, Some(table.id.clone()));
    node.store.forget_cached(None).await.unwrap();

    assert_eq!(node.cache().game_of_session(ann.session_id).await, None);
    assert_eq!(node.store.game_of_session(ann.session_id).await.unwrap(), Some(table.id.clone()));
}

#[tokio::test]
async fn a_game_outside_of_the_share_is_neither_written_nor_looked_for() {
    let node = Node::with(ReadThrough { enabled: true, percent: 0 }).await;
    let table = node.game(3).await;
    assert_eq!(node.load(&table, "ann").await.origin, Origin::Durable);

    node.cache().set_read_through(ALL);

    assert_eq!(node.load(&table, "ann").await.origin, Origin::Durable, "nothing was there");
    node.until_cached(&table).await;
    node.cache().set_read_through(ReadThrough { enabled: false, percent: 100 });
    assert_eq!(node.load(&table, "ann").await.origin, Origin::Durable);
}

fn games() -> impl Iterator<Item = GameId> {
    (0..10_000).map(|number| GameId::parse(&format!("game-{number}")).unwrap())
}

#[test]
fn a_share_is_about_as_large_as_it_says_and_grows_by_the_same_games() {
    let [none, tenth, half, all] = [0, 10, 50, 100].map(|percent| Share::new(ReadThrough { enabled: true, percent }));

    let count = |share: &Share| games().filter(|game| share.has(game)).count();
    assert_eq!((count(&none), count(&all)), (0, 10_000));
    assert!((900..1_100).contains(&count(&tenth)), "{}", count(&tenth));
    assert!((4_700..5_300).contains(&count(&half)), "{}", count(&half));
    assert!(games().filter(|game| tenth.has(game)).all(|game| half.has(&game)));
}

#[test]
fn a_tier_that_is_off_remembers_its_share() {
    let share = Share::new(ALL);

    share.set(ReadThrough { enabled: false, percent: 35 });

    assert_eq!(share.get(), ReadThrough { enabled: false, percent: 35 });
    assert!(games().all(|game| !share.has(&game)));
}
