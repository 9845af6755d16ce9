//! What happens at intervals on every connection.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::section::Section;
use super::values::{COUNT, MILLISECONDS, milliseconds};
use super::variable::Variable;

/// Pings, signs of life, and the game clock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HeartbeatSettings {
    /// `HEARTBEAT_INTERVAL_MS`, default 10000 ms between two pings.
    #[serde(rename = "heartbeat_interval_ms", deserialize_with = "milliseconds")]
    pub interval: Duration,
    /// `HEARTBEAT_MISSES`, default 3 pings without any answer before the connection is closed.
    #[serde(rename = "heartbeat_misses")]
    pub misses: NonZeroU32,
    /// `HEARTBEAT_FLUSH_MS`, default 5000 ms: how late a sign of life may reach the durable store.
    #[serde(rename = "heartbeat_flush_ms", deserialize_with = "milliseconds")]
    pub flush_interval: Duration,
    /// `CLOCK_BROADCAST_INTERVAL_MS`, default 5000 ms between two broadcasts of a running clock.
    #[serde(rename = "clock_broadcast_interval_ms", deserialize_with = "milliseconds")]
    pub clock_broadcast_interval: Duration,
}

impl Section for HeartbeatSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("HEARTBEAT_INTERVAL_MS", MILLISECONDS).default("10000").reloads(),
        Variable::new("HEARTBEAT_MISSES", COUNT).default("3").reloads(),
        Variable::new("HEARTBEAT_FLUSH_MS", MILLISECONDS).default("5000").reloads(),
        Variable::new("CLOCK_BROADCAST_INTERVAL_MS", MILLISECONDS).default("5000").reloads(),
    ];
}
