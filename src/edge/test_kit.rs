//! A whole node for tests: running shards over a temporary store that fails on demand, and the edge before them.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::Arbiter;
use actix_web::{HttpServer, dev::ServerHandle, web};
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;

use super::{
    Edge, EdgeMetrics, Listener, Parts,
    ws::{ConnectionLimits, Connections, metrics::WsMetrics, on_connect},
};
use crate::{
    app,
    clock::Clock,
    domain::Timestamp,
    settings::{FirstStart, Layers, LogFormat, LogLevel, LoggingSettings, Settings},
    shard::{
        Bus, Journal, Reader, Shards,
        metrics::{Backpressure, JournalMetrics, ShardFamilies},
    },
    store::{
        Durable, RegistryMetrics, Store,
        faulty::{Faults, FaultyStore},
        sqlite::{OpenOptions, SqliteStore},
    },
    telemetry::{self, LogHandle},
};

/// The API token that every kit takes.
pub const API_TOKEN: &str = "the-api-token-of-every-test-0123456789";

/// A node under test. Its clock stands still.
pub struct Kit {
    pub edge: web::Data<Edge>,
    pub clock: Clock,
    pub faults: Faults,
    arbiters: Vec<Arbiter>,
}

/// What every kit verifies access tokens with.
pub const ACCESS_SECRET: &str = "the-access-secret-of-every-test-0123456789";

/// What an app starts with; what is not set here is as on a laptop.
const SETTINGS: [(&str, &str); 5] = [
    ("API_TOKEN", API_TOKEN),
    ("ACCESS_TOKEN_SECRET", ACCESS_SECRET),
    ("SESSION_TOKEN_SECRET", "the-session-secret-of-every-test-0123456789"),
    ("SHARDS", "2"),
    ("MEMORY_BUDGET_BYTES", "67108864"),
];

impl Kit {
    /// Starts a node.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a node with these variables set.
    pub fn with(variables: &[(&'static str, &'static str)]) -> Self {
        let clock = Clock::held_at(Timestamp::from_millis(1_700_000_000_000));
        Self::over(FaultyStore::temporary(), clock, variables)
    }

    /// Starts a node on a store that others may be on too, with the clock that all of them go by.
    pub fn beside(store: &Path, clock: &Clock, variables: &[(&'static str, &'static str)]) -> Self {
        let store = SqliteStore::open(store, &OpenOptions::default()).unwrap();
        Self::over(FaultyStore::over(store), clock.clone(), variables)
    }

    fn over((faulty, faults): (FaultyStore, Faults), clock: Clock, variables: &[(&'static str, &'static str)]) -> Self {
        let layers = Layers::of(SETTINGS.iter().chain(variables).copied());
        let settings = Arc::new(Settings::read(&layers, FirstStart::TouchNothing).unwrap());
        let mut registry = Registry::default();
        let backpressure = Backpressure::register(&mut registry);
        let families = ShardFamilies::register(
            &mut registry,
            backpressure.clone(),
            RegistryMetrics::register(&mut Registry::default()),
        );

        let store = Store::of_one_tier(
            Durable::Faulty(faulty),
            Duration::from_secs(5),
            app::breaker_limits(&settings),
            &mut registry,
        );
        let (journal, run) = Journal::start(store.clone(), Arc::new(JournalMetrics::register(&mut registry)));
        drop(tokio::spawn(run));
        let reader = Reader::start(store.clone(), &Handle::current());
        let ways = app::Ways { journal, reader, bus: Bus::of_a_lone_node() };

        let mut arbiters = Vec::new();
        let handles = (0..settings.shard.shards.get()).map(|index| {
            let arbiter = Arbiter::new();
            let handle = app::shard(index, &arbiter, &settings, &clock, &ways, &families);
            arbiters.push(arbiter);
            handle
        });
        let shards = Arc::new(Shards::new(handles.collect(), store));

        let connections = Arc::new(Connections::new(ConnectionLimits::of(&settings)));
        let ws = Arc::new(WsMetrics::register(&mut registry, &backpressure));
        let metrics = EdgeMetrics::register(&mut registry, &backpressure, &settings);
        let edge = Edge::new(Parts {
            shards,
            clock: clock.clone(),
            settings,
            connections,
            ws,
            registry,
            metrics,
            imbalance: families.imbalance().clone(),
            log: log(),
        });
        Self { edge: web::Data::new(edge), clock, faults, arbiters }
    }

    /// Listens on a port of its own, and returns where. Ends with the handle.
    pub fn listen(&self) -> (String, Listening) {
        let edge = self.edge.clone();
        let server = HttpServer::new(move || super::app(edge.clone(), Listener::Public))
            .workers(1)
            .disable_signals()
            .on_connect(on_connect)
            .bind(("127.0.0.1", 0))
            .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        drop(actix::spawn(server));
        (url, Listening(handle))
    }

    /// Ends every shard: from now on none answers.
    pub fn stop_shards(&self) {
        self.arbiters.iter().for_each(|arbiter| {
            arbiter.stop();
        });
    }
}

/// A server that ends when this is dropped.
pub struct Listening(ServerHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.0.stop(false));
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        self.stop_shards();
    }
}

/// Logs start once in a process.
fn log() -> LogHandle {
    static HANDLE: OnceLock<LogHandle> = OnceLock::new();
    let settings = LoggingSettings { level: LogLevel::Error, format: LogFormat::Human };
    HANDLE.get_or_init(|| telemetry::init_logs(&settings).unwrap().handle).clone()
}
