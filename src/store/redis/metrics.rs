//! What Redis is measured by.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::telemetry::buckets;

/// Why Redis is asked, as its metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading games.
    Read,
    /// Finding the game of a session.
    Session,
    /// Writing, and telling other nodes.
    Write,
    /// Seeing whether it answers.
    Ping,
    /// What somebody asked for who looks after it.
    Admin,
}

impl Purpose {
    const ALL: [Self; 5] = [Self::Read, Self::Session, Self::Write, Self::Ping, Self::Admin];

    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Session => "session",
            Self::Write => "write",
            Self::Ping => "ping",
            Self::Admin => "admin",
        }
    }
}

/// What Redis is measured by. Clones count together.
#[derive(Clone)]
pub struct RedisMetrics {
    /// In the order of [`Purpose::ALL`].
    latency: [Histogram; Purpose::ALL.len()],
    pub(super) connected: Gauge,
    pub(super) waiting: Gauge,
    pub(super) dropped: Counter,
}

impl RedisMetrics {
    /// Registers the metrics, every label present from the start.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let latency =
            Family::<[(&'static str, &'static str); 1], Histogram, fn() -> Histogram>::new_with_constructor(|| {
                Histogram::new(buckets::from_500_microseconds())
            });
        let metrics = Self {
            latency: Purpose::ALL.map(|purpose| latency.get_or_create_owned(&[("command", purpose.as_str())])),
            connected: Gauge::default(),
            waiting: Gauge::default(),
            dropped: Counter::default(),
        };
        registry.register("redis_latency_seconds", "Time of a call to Redis, failed ones too", latency);
        registry.register(
            "redis_connected",
            "Whether Redis answered in the last second, and is asked at all: 0 or 1",
            metrics.connected.clone(),
        );
        registry.register("redis_queue_depth", "Writes that wait for Redis", metrics.waiting.clone());
        registry.register(
            "redis_dropped_writes",
            "Writes that Redis was not given because too many waited",
            metrics.dropped.clone(),
        );
        metrics
    }

    pub(super) fn latency(&self, purpose: Purpose) -> &Histogram {
        &self.latency[purpose as usize]
    }
}
