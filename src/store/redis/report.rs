//! How Redis is doing, for those who look after it.

use std::time::Duration;

/// How Redis is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct RedisReport {
    pub version: String,
    pub uptime: Duration,
    /// As the server says it: `1.05M`.
    pub used_memory: String,
    /// Keys of the server, or of all masters of the cluster, whoever they belong to.
    pub total_keys: u64,
    pub ping_ms: f64,
    pub set_ms: f64,
    pub get_ms: f64,
    pub pool: PoolStatus,
}

/// A pool of connections at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    pub size: usize,
    /// Connections that nobody uses.
    pub available: usize,
    /// Calls that wait for a connection.
    pub pending: usize,
}
