//! The composition root: what is started in which order, and how it ends.
//!
//! The only file, with those in `app/`, that knows every layer.

mod meaning;
mod relaunch;
mod reload;
mod stores;
mod supervisor;

#[cfg(test)]
pub(crate) use meaning::breaker_limits;
pub use relaunch::Relaunch;

use std::{io, net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use actix::Arbiter;
use actix_web::{HttpServer, dev::Server, dev::ServerHandle, web};
use prometheus_client::registry::Registry;
use tokio::{runtime::Runtime, sync::watch, task::JoinHandle, time::timeout};

use self::{reload::Running, supervisor::Supervisor};
use crate::{
    clock::Clock,
    domain::Farewell,
    edge::{
        self, Edge, EdgeMetrics, Listener,
        ws::{ConnectionLimits, Connections, Frames, metrics::WsMetrics, on_connect},
    },
    settings::Settings,
    shard::{
        Bus, Journal, Reader, ShardHandle, Shards, bus,
        core::Parts,
        janitor,
        messages::Notice,
        metrics::{Backpressure, JournalMetrics, ShardFamilies},
    },
    store::{RegistryMetrics, Store},
    telemetry::{LogHandle, Logs, process},
};

/// Threads that wait for the stores; they hardly compute.
const STORE_THREADS: usize = 2;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Beyond the connections we count ourselves, so that one too many gets an answer.
const SPARE_CONNECTIONS: usize = 1_024;
/// What a worker accepts at least. It is said to the listener once, and our own count may be raised later.
const WORKER_CONNECTIONS: usize = 250_000;
/// How long the socket of a closed connection is still read from, so that the client gets its close frame. The library
/// reckons with a clock that is up to 500 ms behind: a shorter time may be over before its timer is set, and is never
/// noticed then.
const LINGER: Duration = Duration::from_millis(600);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot open the durable store: {0}")]
    Store(String),
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// What runs beside the HTTP servers.
struct Engine {
    shards: Arc<Shards>,
    arbiters: Vec<Arbiter>,
    journal: JoinHandle<()>,
}

/// Serves until it is told to stop, then drains. Returns how to start anew where that was asked for.
///
/// # Errors
/// What kept it from starting.
pub fn serve(settings: Settings, logs: Logs) -> Result<Option<Relaunch>, StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(STORE_THREADS)
        .thread_name("store")
        .enable_all()
        .build()?;
    let settings = Arc::new(settings);
    let mut registry = Registry::default();
    process::register(&mut registry);
    logs.redis_warnings.register(&mut registry);
    let found = RegistryMetrics::register(&mut registry);
    let store = stores::open(&settings, &runtime, &mut registry, &found)?;
    let served = actix::System::new().block_on(run(settings, store, &runtime, registry, found, logs.handle));
    // What still waits for a store that does not answer is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

async fn run(
    settings: Arc<Settings>,
    store: Store,
    stores: &Runtime,
    mut registry: Registry,
    found: RegistryMetrics,
    log: LogHandle,
) -> Result<Option<Relaunch>, StartError> {
    let clock = Clock::system();
    let backpressure = Backpressure::register(&mut registry);
    let families = ShardFamilies::register(&mut registry, backpressure.clone(), found);
    let engine = start_engine(&settings, &clock, store.clone(), stores, &mut registry, &families);
    let connections = Arc::new(Connections::new(ConnectionLimits::of(&settings)));
    let ws = Arc::new(WsMetrics::register(&mut registry, &backpressure));
    stores.spawn(Arc::clone(&connections).watch(clock.clone()));
    let (clean_up, schedule) = watch::channel(meaning::clean_up(&settings));
    stores.spawn(janitor::run(Arc::clone(&engine.shards), clock.clone(), schedule));
    if store.is_shared() {
        stores.spawn(bus::hear(Arc::clone(&engine.shards), store.clone(), clock.clone()));
    }

    let metrics = EdgeMetrics::register(&mut registry, &backpressure, &settings);
    let edge = web::Data::new(Edge::new(edge::Parts {
        shards: Arc::clone(&engine.shards),
        clock,
        settings: Arc::clone(&settings),
        connections,
        ws,
        registry,
        metrics,
        imbalance: families.imbalance().clone(),
        log,
    }));
    // Before anyone can know of us: a signal that nobody heeds ends the process without draining.
    let stop = stop_signal()?;
    let supervisor = Arc::new(Supervisor::of_process());
    let parts = Running { edge: edge.clone(), store, clean_up, supervisor: Arc::clone(&supervisor) };
    let reloading = actix::spawn(parts.heed()?);
    let (public, address) = listen(&edge, Listener::Public, settings.listen.address())?;
    let (mut servers, mut relaunch) = (vec![public], Relaunch::on(address));
    if let Some(address) = settings.listen.admin_address() {
        let (admin, address) = listen(&edge, Listener::Admin, address)?;
        tracing::info!(context = "App", address = %address, "Rejoin answers operators on http://{address}");
        servers.push(admin);
        relaunch = relaunch.and_admin_on(address);
    }
    let handles: Vec<ServerHandle> = servers.iter().map(Server::handle).collect();
    let serving: Vec<_> = servers.into_iter().map(actix::spawn).collect();
    announce(&settings, address);
    supervisor.ready();

    let asked = tokio::select! {
        () = stop => None,
        () = edge.restart_asked() => Some(relaunch),
    };
    reloading.abort();
    supervisor.stopping();
    drain(&edge, &handles, engine).await;
    serving.iter().for_each(JoinHandle::abort);
    Ok(asked)
}

fn start_engine(
    settings: &Settings,
    clock: &Clock,
    store: Store,
    stores: &Runtime,
    registry: &mut Registry,
    families: &ShardFamilies,
) -> Engine {
    let (journal, writing) = Journal::start(store.clone(), Arc::new(JournalMetrics::register(registry)));
    let reader = Reader::start(store.clone(), stores.handle());
    let count = settings.shard.shards.get();
    let ways = Ways { journal, reader, bus: Bus::between_nodes_of(store.clone()) };
    let (mut handles, mut arbiters) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for index in 0..count {
        let arbiter = Arbiter::new();
        handles.push(shard(index, &arbiter, settings, clock, &ways, families));
        arbiters.push(arbiter);
    }
    Engine { shards: Arc::new(Shards::new(handles, store)), arbiters, journal: stores.spawn(writing) }
}

/// The ways out of a shard.
pub(crate) struct Ways {
    pub journal: Journal,
    pub reader: Reader,
    pub bus: Bus,
}

/// Starts one shard, by the rules that the settings make.
pub(crate) fn shard(
    index: usize,
    arbiter: &Arbiter,
    settings: &Settings,
    clock: &Clock,
    ways: &Ways,
    families: &ShardFamilies,
) -> ShardHandle {
    let parts = Parts {
        index,
        rules: meaning::rules(settings),
        budget_bytes: meaning::budget_bytes(settings),
        clock: clock.clone(),
        frames: Arc::new(Frames),
        journal: ways.journal.clone(),
        reader: ways.reader.clone(),
        bus: ways.bus.clone(),
        metrics: Arc::new(families.shard(index)),
    };
    ShardHandle::start(&arbiter.handle(), parts, settings.shard.mailbox_capacity.get())
}

/// Starts to listen. The operators' listener has a worker of its own, and is alive when the public one is full.
fn listen(edge: &web::Data<Edge>, which: Listener, address: SocketAddr) -> Result<(Server, SocketAddr), StartError> {
    let (made, counted) = (edge.clone(), edge.live().settings.limits.max_connections.get());
    let workers = match which {
        Listener::Public => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        Listener::Admin => 1,
    };
    let server = HttpServer::new(move || edge::app(made.clone(), which))
        .workers(workers)
        .backlog(BACKLOG)
        .max_connections(counted.max(WORKER_CONNECTIONS) + SPARE_CONNECTIONS)
        .keep_alive(Duration::from_secs(30))
        .client_request_timeout(Duration::from_secs(5))
        .client_disconnect_timeout(LINGER)
        .shutdown_timeout(1)
        .disable_signals()
        .on_connect(on_connect)
        .bind(address)
        .map_err(|error| StartError::Listen(address, error))?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), bound))
}

/// Tells whoever started the service where it is.
fn announce(settings: &Settings, address: SocketAddr) {
    tracing::info!(context = "App", address = %address, "Rejoin is listening on http://{address}");
    let Some(token) = settings.made_api_token() else { return };
    println!("\nRejoin is listening on http://{address}");
    if settings.listen.demo {
        println!("  see:  http://{address} in a browser");
    }
    println!("  try:  curl -s -H 'X-API-Token: {}' -X PUT http://{address}/v1/games/my-first-game", token.expose());
    let program = std::env::args().next().unwrap_or_else(|| "rejoin".to_owned());
    println!("  or:   {program} smoke --url http://{address}\n");
}

/// From now on a signal to stop is heeded; the future ends with the first.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The way down: not ready, sockets told, servers stopped, journal written.
async fn drain(edge: &Edge, servers: &[ServerHandle], engine: Engine) {
    tracing::info!(context = "App", connections = edge.connections.len(), "Draining");
    let grace = edge.live().settings.listen.shutdown_grace;
    edge.drain();
    let all_gone = async {
        while !edge.connections.is_empty() {
            edge.connections.close_all(Farewell::Restart).await;
        }
    };
    if timeout(grace / 2, all_gone).await.is_err() {
        edge.connections.end_all(edge.clock.now());
    }
    for server in servers {
        // A request that takes longer than the grace is cut off.
        let _ = timeout(grace / 4, server.stop(true)).await;
    }
    engine.shards.tell_all(|| Notice::Drain);
    // An answer means that the shard has taken note.
    engine.shards.stats(grace / 4).await;
    for arbiter in engine.arbiters {
        arbiter.stop();
    }
    match timeout(grace / 4, engine.journal).await {
        Ok(_) => tracing::info!(context = "App", "Drained"),
        Err(_) => tracing::error!(context = "App", "The journal was not written in time"),
    }
}
