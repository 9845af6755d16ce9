//! What does it cost to ask a shard? A round trip through its bounded mailbox, with so many questions under way at a time,
//! held against an actor of tokio's channels and against a map behind a lock, which all answer the same question.
//!
//! The lock has no thread of its own to wake, and nothing to keep waiters in order or bounded. Takes about a minute.

mod ratios;

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{Arc, OnceLock},
    time::Duration,
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use futures_util::future::join_all;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use rejoin::{
    clock::Clock,
    domain::GameId,
    edge::ws::Frames,
    shard::{
        Bus, Journal, Reader, ShardHandle, Shards,
        core::{Parts, Rules},
        messages::{Deed, GameSpec, GameView, Source},
        metrics::{Backpressure, JournalMetrics, ShardFamilies},
    },
    store::{
        BreakerLimits, Durable, RegistryMetrics, Store,
        sqlite::{OpenOptions, SqliteStore},
    },
};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
};

use self::ratios::Ratios;

const IN_FLIGHT: [usize; 3] = [1, 64, 1_024];
/// Room for all that is under way.
const CAPACITY: usize = 2_048;
const GAMES: usize = 1_000;

fn game(number: usize) -> GameId {
    GameId::parse(&format!("bench-{}", number % GAMES)).expect("an id")
}

fn round_trips(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let shards = start_shard(&folder, &runtime);
    let views = runtime.block_on(join_all((0..GAMES).map(async |number| {
        let configured = shards.ask(game(number), |reply| Deed::Configure { spec: GameSpec::default(), reply }).await;
        configured.expect("the game is made").game
    })));
    let games: HashMap<GameId, GameView> = (0..GAMES).map(game).zip(views).collect();
    let asked = runtime.block_on(async { start_channel(games.clone()) });
    let locked = Mutex::new(games);

    let mut group = criterion.benchmark_group("round_trip");
    group.measurement_time(Duration::from_secs(5)).sample_size(30);
    for in_flight in IN_FLIGHT {
        group.throughput(Throughput::Elements(in_flight as u64));
        let ids: Vec<GameId> = (0..in_flight).map(game).collect();
        group.bench_function(BenchmarkId::new("shard", in_flight), |bencher| {
            let ask = async |id: &GameId| {
                let described = shards.ask(id.clone(), |reply| Deed::Describe { source: Source::Memory, reply }).await;
                described.expect("the mailbox has room")
            };
            bencher.iter(|| runtime.block_on(join_all(ids.iter().map(ask))));
        });
        group.bench_function(BenchmarkId::new("tokio_channel", in_flight), |bencher| {
            let ask = async |id: &GameId| {
                let (reply, answer) = oneshot::channel();
                asked.send((id.clone(), reply)).await.expect("it lives");
                answer.await.expect("it answers")
            };
            bencher.iter(|| runtime.block_on(join_all(ids.iter().map(ask))));
        });
        group.bench_function(BenchmarkId::new("locked_map", in_flight), |bencher| {
            let ask = async |id: &GameId| black_box(locked.lock().get(&id.clone()).cloned()).expect("it is there");
            bencher.iter(|| runtime.block_on(join_all(ids.iter().map(ask))));
        });
    }
    group.finish();
}

/// An actor of channels alone, on a thread of its own as a shard is.
fn start_channel(games: HashMap<GameId, GameView>) -> mpsc::Sender<(GameId, oneshot::Sender<GameView>)> {
    let (ask, mut asked) = mpsc::channel::<(GameId, oneshot::Sender<GameView>)>(CAPACITY);
    std::thread::spawn(move || {
        let own = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        own.block_on(async {
            while let Some((id, reply)) = asked.recv().await {
                let _ = reply.send(games[&id].clone());
            }
        });
    });
    ask
}

/// One shard, as the service starts it, over a SQLite file.
fn start_shard(folder: &TempDir, runtime: &Runtime) -> Shards {
    static SYSTEM: OnceLock<()> = OnceLock::new();
    let mut registry = Registry::default();
    let durable = SqliteStore::open(folder.path().join("bench.db"), &OpenOptions::default()).expect("the store opens");
    let store =
        Store::of_one_tier(Durable::Sqlite(durable), Duration::from_secs(2), BreakerLimits::default(), &mut registry);
    let (journal, writing) = Journal::start(store.clone(), Arc::new(JournalMetrics::register(&mut registry)));
    runtime.spawn(writing);
    let backpressure = Backpressure::register(&mut registry);
    let found = RegistryMetrics::register(&mut registry);
    let families = ShardFamilies::register(&mut registry, backpressure, found);
    let parts = Parts {
        index: 0,
        rules: Rules {
            retention: 50,
            token_ttl: Duration::from_secs(1_800),
            absent_after: Duration::from_secs(86_400),
            open_games: true,
            create_on_join: true,
            heartbeat_flush: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            clock_broadcast: Duration::from_secs(5),
        },
        budget_bytes: 256 * 1_024 * 1_024,
        clock: Clock::system(),
        frames: Arc::new(Frames),
        journal,
        reader: Reader::start(store.clone(), runtime.handle()),
        bus: Bus::of_a_lone_node(),
        metrics: Arc::new(families.shard(0)),
    };
    // Arbiters belong to a system, which runs on a thread of its own as long as the bench does.
    let (tell, told) = std::sync::mpsc::channel();
    SYSTEM.get_or_init(|| {
        std::thread::spawn(move || {
            let system = actix::System::new();
            system.block_on(async move {
                let arbiter = actix::Arbiter::new();
                tell.send(ShardHandle::start(&arbiter.handle(), parts, CAPACITY)).expect("somebody waits for it");
                std::future::pending::<()>().await;
            });
        });
    });
    Shards::new(vec![told.recv().expect("the shard starts")], store)
}

criterion_group!(benches, round_trips);

fn main() {
    let ratios = Ratios::begin();
    benches();
    Criterion::default().configure_from_args().final_summary();
    ratios.tell("round_trip", "shard", &["tokio_channel", "locked_map"]);
}
