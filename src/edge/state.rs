//! What every request may use.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::ws::{Connections, metrics::WsMetrics};
use crate::{
    clock::Clock,
    domain::{TokenKeys, access::AccessKeys},
    settings::Settings,
    shard::Shards,
};

/// What every request may use; one for the whole process.
pub struct Edge {
    pub shards: Arc<Shards>,
    pub clock: Clock,
    pub access: AccessKeys,
    pub tokens: TokenKeys,
    pub settings: Arc<Settings>,
    pub connections: Arc<Connections>,
    pub ws: Arc<WsMetrics>,
    draining: AtomicBool,
}

impl Edge {
    /// Puts together what requests use.
    #[must_use]
    pub fn new(
        shards: Arc<Shards>,
        clock: Clock,
        settings: Arc<Settings>,
        connections: Arc<Connections>,
        ws: Arc<WsMetrics>,
    ) -> Self {
        let secrets = &settings.auth;
        Self {
            shards,
            clock,
            access: AccessKeys::new(secrets.access_token_secrets.iter().map(|secret| secret.expose())),
            tokens: TokenKeys::new(secrets.session_token_secrets.iter().map(|secret| secret.expose())),
            settings,
            connections,
            ws,
            draining: AtomicBool::new(false),
        }
    }

    /// From now on the node says that it is going, and takes nobody in.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the node is going.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
