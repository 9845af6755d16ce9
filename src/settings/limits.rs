//! What one caller may take, and all of them together.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use serde::Deserialize;

use super::section::Section;
use super::values::{BYTES, COUNT, MILLISECONDS, milliseconds};
use super::variable::Variable;

/// Bounds on requests, connections and frames.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LimitSettings {
    /// `MAX_ITEM_BYTES`, default 65536 bytes of one event payload or summary.
    pub max_item_bytes: NonZeroUsize,
    /// `MAX_INFLIGHT`, default 1000 HTTP requests at a time; the next is refused.
    pub max_inflight: NonZeroUsize,
    /// `REQUEST_TIMEOUT_MS`, default 2000 ms for one HTTP request.
    #[serde(rename = "request_timeout_ms", deserialize_with = "milliseconds")]
    pub request_timeout: Duration,
    /// `MAX_CONNECTIONS`, default 25000 connections.
    pub max_connections: NonZeroUsize,
    /// `MAX_CONNECTIONS_PER_IP`, default 1000 connections from one address.
    pub max_connections_per_ip: NonZeroUsize,
    /// `MAX_CONNECTIONS_PER_USER`, default 20 connections of one user.
    pub max_connections_per_user: NonZeroUsize,
    /// `WS_RATE_PER_SECOND`, default 50 frames a second from one connection.
    pub ws_rate_per_second: NonZeroU32,
    /// `WS_RATE_BURST`, default 100 frames at once from one connection.
    pub ws_rate_burst: NonZeroU32,
    /// `WS_SEND_QUEUE`, default 256 frames waiting for one connection; with more it is closed as too slow.
    pub ws_send_queue: NonZeroUsize,
}

impl Section for LimitSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("MAX_ITEM_BYTES", BYTES).default("65536").reloads(),
        Variable::new("MAX_INFLIGHT", COUNT).default("1000").reloads(),
        Variable::new("REQUEST_TIMEOUT_MS", MILLISECONDS).default("2000").reloads(),
        Variable::new("MAX_CONNECTIONS", COUNT).default("25000").reloads(),
        Variable::new("MAX_CONNECTIONS_PER_IP", COUNT).default("1000").reloads(),
        Variable::new("MAX_CONNECTIONS_PER_USER", COUNT).default("20").reloads(),
        Variable::new("WS_RATE_PER_SECOND", COUNT).default("50").reloads(),
        Variable::new("WS_RATE_BURST", COUNT).default("100").reloads(),
        Variable::new("WS_SEND_QUEUE", COUNT).default("256").reloads(),
    ];
}
