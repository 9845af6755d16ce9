//! What shards and the journal count. Labels are resolved once, when a shard starts.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Busy, residents::Residents};
use crate::{
    domain::{Event, Game, GameId, Payload, Seat},
    store::{CacheOperation, CacheTier, RegistryMetrics},
    telemetry::buckets,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShardLabel {
    shard: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PayloadLabel {
    operation: &'static str,
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Refusals for want of room, by the bound that was reached.
#[derive(Clone)]
pub struct Backpressure(Family<ReasonLabel, Counter>);

impl Backpressure {
    /// Registers the counter, with every reason at zero.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let family = Family::<ReasonLabel, Counter>::default();
        for reason in ["mailbox_full", "max_inflight", "journal_full", "slow_consumer", "connections", "rate_limited"] {
            drop(family.get_or_create(&ReasonLabel { reason }));
        }
        registry.register(
            "cache_backpressure",
            "Requests, messages and connections refused for want of room",
            family.clone(),
        );
        Self(family)
    }

    /// The counter of one reason.
    #[must_use]
    pub fn reason(&self, reason: &'static str) -> Counter {
        self.0.get_or_create_owned(&ReasonLabel { reason })
    }
}

/// The metrics of all shards, before they are given out shard by shard.
pub struct ShardFamilies {
    counters: [Family<ShardLabel, Counter>; 6],
    entries: Family<ShardLabel, Gauge>,
    memory: Family<ShardLabel, Gauge>,
    queue_depth: Family<ShardLabel, Gauge>,
    backlog: Family<ShardLabel, Gauge>,
    mailbox_wait: Family<ShardLabel, Histogram>,
    payload: Family<PayloadLabel, Counter>,
    imbalance: Gauge<f64, AtomicU64>,
    backpressure: Backpressure,
    registry: RegistryMetrics,
    slow_consumers: Counter,
    event_seconds: Histogram,
    prune_lag: Histogram,
    flag_falls: Counter,
    panics: Counter,
}

impl ShardFamilies {
    /// Registers the metrics of shards.
    #[must_use]
    pub fn register(registry: &mut Registry, backpressure: Backpressure, found: RegistryMetrics) -> Self {
        let mut counter = |name: &str, help: &str| {
            let family = Family::<ShardLabel, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let counters = [
            counter("cache_hits", "Commands that found their game in memory"),
            counter("cache_misses", "Commands whose game had to be loaded"),
            counter("cache_sets", "Games taken into memory"),
            counter("cache_deletes", "Games dropped from memory on request"),
            counter("cache_evictions", "Games dropped from memory to stay within the budget"),
            counter("cache_expirations", "Games dropped from memory because nobody used them"),
        ];
        let mut gauge = |name: &str, help: &str| {
            let family = Family::<ShardLabel, Gauge>::default();
            registry.register(name, help, family.clone());
            family
        };
        let entries = gauge("cache_entries_total", "Games in memory");
        let memory = gauge("cache_memory_bytes", "Memory accounted for games, in bytes");
        let queue_depth = gauge("cache_queue_depth", "Commands in the mailbox");
        let backlog =
            gauge("ws_replay_backlog_size", "Largest number of events a connected player has not acknowledged");
        let mailbox_wait =
            Family::<ShardLabel, Histogram>::new_with_constructor(|| Histogram::new(buckets::from_50_microseconds()));
        registry.register(
            "cache_mailbox_wait_seconds",
            "Time from a command's enqueueing to its handling",
            mailbox_wait.clone(),
        );
        let payload = Family::<PayloadLabel, Counter>::default();
        registry.register("cache_payload_bytes", "Payload taken in and handed out, in bytes", payload.clone());
        let imbalance = Gauge::<f64, AtomicU64>::default();
        registry.register(
            "cache_shard_imbalance",
            "Coefficient of variation of entries across shards",
            imbalance.clone(),
        );
        let slow_consumers = Counter::default();
        registry.register(
            "ws_slow_consumers",
            "Connections closed because they read too slowly",
            slow_consumers.clone(),
        );
        let event_seconds = Histogram::new(buckets::from_500_microseconds());
        registry.register(
            "ws_event_duration_seconds",
            "Time from an event's arrival to its being durable and handed to everyone",
            event_seconds.clone(),
        );
        let prune_lag = Histogram::new(buckets::from_500_microseconds());
        registry.register(
            "ws_prune_lag_seconds",
            "Time from an acknowledgement to the durable pruning that it allowed",
            prune_lag.clone(),
        );
        let flag_falls = Counter::default();
        registry.register("game_flag_falls", "Clocks that ran out and were recorded by this node", flag_falls.clone());
        let panics = Counter::default();
        registry.register("shard_panics", "Turns that panicked; their games were loaded afresh", panics.clone());
        for operation in ["get", "set"] {
            for r#type in ["session", "replay", "summary"] {
                drop(payload.get_or_create(&PayloadLabel { operation, r#type }));
            }
        }
        Self {
            counters,
            entries,
            memory,
            queue_depth,
            backlog,
            mailbox_wait,
            payload,
            imbalance,
            backpressure,
            registry: found,
            slow_consumers,
            event_seconds,
            prune_lag,
            flag_falls,
            panics,
        }
    }

    /// The gauge of how unevenly entries lie.
    #[must_use]
    pub fn imbalance(&self) -> &Gauge<f64, AtomicU64> {
        &self.imbalance
    }

    /// The metrics of one shard.
    #[must_use]
    pub fn shard(&self, shard: usize) -> ShardMetrics {
        let label = ShardLabel { shard };
        let [hits, misses, sets, deletes, evictions, expirations] =
            self.counters.each_ref().map(|family| family.get_or_create_owned(&label));
        let payload = |operation, r#type| self.payload.get_or_create_owned(&PayloadLabel { operation, r#type });
        ShardMetrics {
            hits,
            misses,
            sets,
            deletes,
            evictions,
            expirations,
            entries: self.entries.get_or_create_owned(&label),
            memory: self.memory.get_or_create_owned(&label),
            queue_depth: self.queue_depth.get_or_create_owned(&label),
            backlog: self.backlog.get_or_create_owned(&label),
            mailbox_wait: self.mailbox_wait.get_or_create_owned(&label),
            replay_get: payload("get", "replay"),
            replay_set: payload("set", "replay"),
            summary_get: payload("get", "summary"),
            summary_set: payload("set", "summary"),
            session_get: payload("get", "session"),
            session_set: payload("set", "session"),
            mailbox_full: self.backpressure.reason("mailbox_full"),
            journal_full: self.backpressure.reason("journal_full"),
            slow_consumer: self.backpressure.reason("slow_consumer"),
            registry: self.registry.clone(),
            slow_consumers: self.slow_consumers.clone(),
            event_seconds: self.event_seconds.clone(),
            prune_lag: self.prune_lag.clone(),
            flag_falls: self.flag_falls.clone(),
            panics: self.panics.clone(),
        }
    }
}

/// The metrics of one shard.
pub struct ShardMetrics {
    pub hits: Counter,
    pub misses: Counter,
    pub sets: Counter,
    pub deletes: Counter,
    pub evictions: Counter,
    pub expirations: Counter,
    entries: Gauge,
    memory: Gauge,
    pub queue_depth: Gauge,
    backlog: Gauge,
    pub mailbox_wait: Histogram,
    replay_get: Counter,
    replay_set: Counter,
    summary_get: Counter,
    summary_set: Counter,
    session_get: Counter,
    session_set: Counter,
    mailbox_full: Counter,
    journal_full: Counter,
    slow_consumer: Counter,
    /// Hits and misses of memory, as of the tier before all others.
    pub registry: RegistryMetrics,
    slow_consumers: Counter,
    pub event_seconds: Histogram,
    pub prune_lag: Histogram,
    pub flag_falls: Counter,
    pub panics: Counter,
}

impl ShardMetrics {
    /// Counts a refusal.
    pub fn refused(&self, busy: Busy) {
        match busy {
            Busy::Mailbox | Busy::Memory => self.mailbox_full.inc(),
            Busy::Journal => self.journal_full.inc(),
        };
    }

    /// Counts a connection closed because it read too slowly.
    pub fn slow(&self) {
        self.slow_consumers.inc();
        self.slow_consumer.inc();
    }

    /// Counts events taken in.
    pub fn recorded(&self, events: &[Arc<Event>]) {
        self.replay_set.inc_by(bytes(events));
        self.registry.hit(CacheOperation::ReplayAppend, CacheTier::Memory, events.len() as u64);
    }

    /// Counts events handed out again.
    pub fn replayed(&self, events: &[Arc<Event>]) {
        self.replay_get.inc_by(bytes(events));
    }

    /// Counts a summary taken in.
    pub fn summary_kept(&self, state: &Payload) {
        self.summary_set.inc_by(state.as_str().len() as u64);
    }

    /// Counts a summary handed out.
    pub fn summary_given(&self, state: &Payload) {
        self.summary_get.inc_by(state.as_str().len() as u64);
    }

    /// Counts a seat taken in.
    pub fn seat_kept(&self, seat: &Seat) {
        self.session_set.inc_by(seat.accounted_bytes() as u64);
        self.registry.hit(CacheOperation::SessionSnapshot, CacheTier::Memory, 1);
    }

    /// Counts a seat handed out.
    pub fn seat_given(&self, seat: &Seat) {
        self.session_get.inc_by(seat.accounted_bytes() as u64);
    }

    /// Publishes how full the shard is.
    pub fn publish(&self, residents: &Residents<GameId, Game>, backlog: u64) {
        self.entries.set(i64::try_from(residents.len()).unwrap_or(i64::MAX));
        self.memory.set(i64::try_from(residents.bytes()).unwrap_or(i64::MAX));
        self.backlog.set(i64::try_from(backlog).unwrap_or(i64::MAX));
        self.evictions.inc_by(residents.evictions().saturating_sub(self.evictions.get()));
    }
}

fn bytes(events: &[Arc<Event>]) -> u64 {
    events.iter().map(|event| event.payload.as_str().len() as u64).sum()
}

/// The metrics of the journal.
pub struct JournalMetrics {
    pub batch_events: Histogram,
    pub depth: Gauge,
    pub commit_seconds: Histogram,
}

impl JournalMetrics {
    /// Registers the metrics of the journal.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let batch_events = Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0]);
        registry.register("journal_batch_events", "Rows of one group commit", batch_events.clone());
        let depth = Gauge::default();
        registry.register("journal_queue_depth", "Writes that wait for the journal", depth.clone());
        let commit_seconds = Histogram::new(buckets::from_500_microseconds());
        registry.register("journal_commit_seconds", "Time that one group commit takes", commit_seconds.clone());
        Self { batch_events, depth, commit_seconds }
    }
}
