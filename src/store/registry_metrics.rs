//! What is counted about finding seats and replays before the durable store has to be asked.
//!
//! The registry of seats and replays has two tiers before the durable one: memory, which the shards count, and Redis.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};
use tokio::time::Instant;

/// The time that the hit rate is taken over.
const WINDOW: Duration = Duration::from_mins(5);
/// How far apart its samples are, at least.
const SAMPLED: Duration = Duration::from_secs(5);

/// What the registry is asked to do, as its metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheOperation {
    /// Finding a user's seat in a game.
    SessionByGameUser,
    /// Finding a seat by its session.
    SessionById,
    /// Keeping a seat.
    SessionSnapshot,
    /// Finding missed events.
    ReplayFetch,
    /// Keeping new events.
    ReplayAppend,
    /// Filling a replay again after it was not found.
    ReplayHydrate,
    /// Forgetting events that everyone has seen.
    ReplayPrune,
}

impl CacheOperation {
    const ALL: [Self; 7] = [
        Self::SessionByGameUser,
        Self::SessionById,
        Self::SessionSnapshot,
        Self::ReplayFetch,
        Self::ReplayAppend,
        Self::ReplayHydrate,
        Self::ReplayPrune,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::SessionByGameUser => "session_by_game_user",
            Self::SessionById => "session_by_id",
            Self::SessionSnapshot => "session_snapshot",
            Self::ReplayFetch => "replay_fetch",
            Self::ReplayAppend => "replay_append",
            Self::ReplayHydrate => "replay_hydrate",
            Self::ReplayPrune => "replay_prune",
        }
    }

    /// Whether something is looked for, so that it can be missed.
    fn is_lookup(self) -> bool {
        match self {
            Self::SessionByGameUser | Self::SessionById | Self::ReplayFetch => true,
            Self::SessionSnapshot | Self::ReplayAppend | Self::ReplayHydrate | Self::ReplayPrune => false,
        }
    }
}

/// A tier before the durable one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTier {
    Memory,
    Redis,
}

/// Hits, misses and errors. Clones count together.
#[derive(Clone)]
pub struct RegistryMetrics(Arc<Inner>);

struct Inner {
    /// By tier, then operation.
    hits: [[Counter; CacheOperation::ALL.len()]; 2],
    misses: [[Counter; CacheOperation::ALL.len()]; 2],
    errors: [Counter; CacheOperation::ALL.len()],
    totals: Totals,
    samples: Mutex<VecDeque<Sample>>,
}

/// Of all lookups: found in some tier, found in none, failed.
#[derive(Default)]
struct Totals {
    hits: Counter,
    misses: Counter,
    errors: Counter,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    hits: u64,
    misses: u64,
}

/// Hits, misses and errors of all lookups since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheTotals {
    pub hits: u64,
    pub misses: u64,
    pub errors: u64,
    /// Over the last five minutes, in percent; 100 where nothing was looked for.
    pub hit_rate: f64,
}

impl RegistryMetrics {
    /// Registers the metrics, every label present from the start.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        type Labels<const COUNT: usize> = [(&'static str, &'static str); COUNT];
        let (hits, misses) = (Family::<Labels<2>, Counter>::default(), Family::<Labels<2>, Counter>::default());
        let errors = Family::<Labels<1>, Counter>::default();
        let of_tiers = |family: &Family<Labels<2>, Counter>| {
            ["memory", "redis"].map(|tier| {
                let labels = |operation: CacheOperation| [("operation", operation.as_str()), ("tier", tier)];
                CacheOperation::ALL.map(|operation| family.get_or_create_owned(&labels(operation)))
            })
        };
        let inner = Inner {
            hits: of_tiers(&hits),
            misses: of_tiers(&misses),
            errors: CacheOperation::ALL
                .map(|operation| errors.get_or_create_owned(&[("operation", operation.as_str())])),
            totals: Totals::default(),
            samples: Mutex::default(),
        };
        registry.register("game_session_cache_hits", "Operations that a tier before the durable one did", hits);
        registry.register("game_session_cache_misses", "Operations that a tier left to the one behind it", misses);
        registry.register("game_session_cache_errors", "Operations in which Redis failed", errors);
        let totals = &inner.totals;
        registry.register(
            "session_cache_hits",
            "Lookups that some tier before the durable one answered",
            totals.hits.clone(),
        );
        registry.register(
            "session_cache_misses",
            "Lookups that the durable store had to answer",
            totals.misses.clone(),
        );
        registry.register("session_cache_errors", "Operations in which Redis failed", totals.errors.clone());
        let metrics = Self(Arc::new(inner));
        registry.register_collector(Box::new(HitRate(metrics.clone())));
        metrics
    }

    /// Counts operations that a tier did.
    pub fn hit(&self, operation: CacheOperation, tier: CacheTier, times: u64) {
        self.0.hits[tier as usize][operation as usize].inc_by(times);
        if operation.is_lookup() {
            self.0.totals.hits.inc_by(times);
        }
    }

    /// Counts operations that a tier left to the one behind it.
    pub fn miss(&self, operation: CacheOperation, tier: CacheTier, times: u64) {
        self.0.misses[tier as usize][operation as usize].inc_by(times);
    }

    /// Counts one lookup in a tier.
    pub fn looked_for(&self, operation: CacheOperation, tier: CacheTier, found: bool) {
        if found { self.hit(operation, tier, 1) } else { self.miss(operation, tier, 1) }
    }

    /// Counts lookups that the durable store had to answer.
    pub fn missed_everywhere(&self, times: u64) {
        self.0.totals.misses.inc_by(times);
    }

    /// Counts operations in which Redis failed.
    pub fn failed(&self, operation: CacheOperation, times: u64) {
        self.0.errors[operation as usize].inc_by(times);
        self.0.totals.errors.inc_by(times);
    }

    /// What became of all lookups.
    #[must_use]
    pub fn totals(&self) -> CacheTotals {
        let Totals { hits, misses, errors } = &self.0.totals;
        let now = Sample { at: Instant::now(), hits: hits.get(), misses: misses.get() };
        CacheTotals { hits: now.hits, misses: now.misses, errors: errors.get(), hit_rate: self.hit_rate(now) }
    }

    /// The hit rate since the oldest sample of the window. Whoever asks takes the samples: a scrape comes often enough.
    fn hit_rate(&self, now: Sample) -> f64 {
        let mut samples = self.0.samples.lock();
        while samples.front().is_some_and(|oldest| now.at.duration_since(oldest.at) > WINDOW) {
            samples.pop_front();
        }
        let first = Sample { at: now.at, hits: 0, misses: 0 };
        let since = samples.front().copied().unwrap_or(first);
        if samples.back().is_none_or(|newest| now.at.duration_since(newest.at) >= SAMPLED) {
            samples.push_back(now);
        }
        let (hits, misses) = (now.hits - since.hits, now.misses - since.misses);
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
        if hits + misses == 0 { 100.0 } else { hits as f64 * 100.0 / (hits + misses) as f64 }
    }
}

struct HitRate(RegistryMetrics);

impl Collector for HitRate {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let gauge = ConstGauge::new(self.0.totals().hit_rate);
        let help = "Lookups of the last 5 minutes that some tier before the durable one answered, in percent";
        gauge.encode(encoder.encode_descriptor("session_cache_hit_rate", help, None, gauge.metric_type())?)
    }
}

impl fmt::Debug for HitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HitRate")
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn every_operation_of_every_tier_is_there_before_anything_happened() {
        let mut registry = Registry::default();

        let _metrics = RegistryMetrics::register(&mut registry);

        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for operation in CacheOperation::ALL.map(CacheOperation::as_str) {
            for (name, tier) in [("hits", "memory"), ("hits", "redis"), ("misses", "memory"), ("misses", "redis")] {
                let line = format!("game_session_cache_{name}_total{{operation=\"{operation}\",tier=\"{tier}\"}} 0\n");
                assert!(text.contains(&line), "{line} in {text}");
            }
            assert!(text.contains(&format!("game_session_cache_errors_total{{operation=\"{operation}\"}} 0\n")));
        }
        assert!(text.contains("\nsession_cache_hit_rate 100.0\n"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_hit_rate_is_that_of_the_last_five_minutes() {
        let metrics = RegistryMetrics::register(&mut Registry::default());
        metrics.missed_everywhere(50);
        metrics.hit(CacheOperation::ReplayFetch, CacheTier::Memory, 50);
        assert_eq!(metrics.totals().hit_rate, 50.0);

        for _ in 0..12 {
            metrics.hit(CacheOperation::ReplayFetch, CacheTier::Redis, 1);
            let _ = metrics.totals();
            tokio::time::advance(WINDOW / 10).await;
        }

        assert_eq!(metrics.totals().hit_rate, 100.0);
        assert_eq!(metrics.totals().misses, 50);
    }

    #[test]
    fn what_only_keeps_is_no_lookup() {
        let metrics = RegistryMetrics::register(&mut Registry::default());

        metrics.hit(CacheOperation::ReplayAppend, CacheTier::Memory, 3);

        assert_eq!(metrics.totals().hits, 0);
    }
}
