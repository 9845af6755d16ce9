//! What every request may use.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix_web::{dev::ServiceRequest, web};
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

use super::{
    Answer,
    health::Readiness,
    live::{InForce, Live},
    metrics::{EdgeMetrics, Imbalance},
    ws::{ConnectionLimits, Connections, logbook::Logbook, metrics::WsMetrics},
};
use crate::{
    clock::Clock,
    domain::GameId,
    settings::Settings,
    shard::{
        ShardError, Shards,
        messages::{Deed, Reply},
    },
    telemetry::LogHandle,
};

/// What every request may use; one for the whole process.
pub struct Edge {
    pub shards: Arc<Shards>,
    pub clock: Clock,
    pub connections: Arc<Connections>,
    pub ws: Arc<WsMetrics>,
    pub logbook: Logbook,
    pub registry: Registry,
    pub metrics: EdgeMetrics,
    pub imbalance: Imbalance,
    pub log: LogHandle,
    pub readiness: Readiness,
    live: InForce,
    draining: AtomicBool,
    restart: Notify,
}

/// What an [`Edge`] is made of.
pub struct Parts {
    pub shards: Arc<Shards>,
    pub clock: Clock,
    pub settings: Arc<Settings>,
    pub connections: Arc<Connections>,
    pub ws: Arc<WsMetrics>,
    /// With every metric there is.
    pub registry: Registry,
    pub metrics: EdgeMetrics,
    /// The gauge of how unevenly entries lie, set as metrics are read.
    pub imbalance: Imbalance,
    pub log: LogHandle,
}

impl Edge {
    /// Puts together what requests use.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { shards, clock, settings, connections, ws, registry, metrics, imbalance, log } = parts;
        Self {
            shards,
            clock,
            connections,
            ws,
            logbook: Logbook::default(),
            registry,
            metrics,
            imbalance,
            log,
            readiness: Readiness::default(),
            live: InForce::new(settings),
            draining: AtomicBool::new(false),
            restart: Notify::new(),
        }
    }

    /// The edge that a request came in by.
    ///
    /// # Panics
    /// In an app that was not made by [`app`](super::app).
    #[must_use]
    pub fn of(req: &ServiceRequest) -> web::Data<Self> {
        req.app_data::<web::Data<Self>>().expect("every app carries its edge").clone()
    }

    /// The settings in force and the keys that are made of them. A request or a connection takes them along.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live.get()
    }

    /// From now on these settings are in force: at once for requests, for connections that come from now on.
    pub fn take_up(&self, settings: Arc<Settings>) {
        self.connections.set_limits(ConnectionLimits::of(&settings));
        self.metrics.set_bounds(&settings);
        self.live.replace(settings);
    }

    /// Asks the shard of a game. Ends with the request, whose deadline is kept by `limits::timed`.
    ///
    /// # Errors
    /// What the shard answers, as callers are told it.
    pub async fn ask<T>(&self, game_id: GameId, deed: impl FnOnce(Reply<T>) -> Deed) -> Result<T, Answer> {
        Ok(self.shards.ask(game_id, deed).await?)
    }

    /// Does something with the shards to its end, even where the caller goes away: half of it would leave the store and
    /// memory at odds.
    ///
    /// # Errors
    /// What the work fails with, as callers are told it.
    pub async fn to_the_end<T, F>(&self, work: impl FnOnce(Arc<Shards>) -> F) -> Result<T, Answer>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ShardError>> + Send + 'static,
    {
        let done = tokio::spawn(work(Arc::clone(&self.shards))).await;
        Ok(done.unwrap_or(Err(ShardError::Internal))?)
    }

    /// From now on the node says that it is going, and takes nobody in.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Asks whoever runs the node to start it anew.
    pub fn ask_restart(&self) {
        self.restart.notify_one();
    }

    /// Ends once a restart was asked for.
    pub async fn restart_asked(&self) {
        self.restart.notified().await;
    }

    /// Whether the node is going.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
