//! What the edge counts.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{settings::Settings, shard::metrics::Backpressure, telemetry::buckets};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    route: String,
    status_code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Why a call was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    Missing,
    Invalid,
}

/// The metrics of the edge.
pub struct EdgeMetrics {
    requests: Family<HttpLabels, Histogram>,
    active: Gauge,
    inflight_bound: Gauge,
    memory_budget: Gauge,
    max_inflight: Counter,
    auth_missing: Counter,
    auth_invalid: Counter,
}

/// A request under way, counted until it is dropped.
pub struct Active(Gauge);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl EdgeMetrics {
    /// Registers the metrics of the edge.
    #[must_use]
    pub fn register(registry: &mut Registry, backpressure: &Backpressure, settings: &Settings) -> Self {
        let requests =
            Family::<HttpLabels, Histogram>::new_with_constructor(|| Histogram::new(buckets::from_500_microseconds()));
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to its response's",
            requests.clone(),
        );
        let active = Gauge::default();
        registry.register(
            "http_active_requests",
            "Requests under way that count against max_inflight_requests",
            active.clone(),
        );
        let (inflight_bound, memory_budget) = (Gauge::default(), Gauge::default());
        registry.register(
            "max_inflight_requests",
            "Requests that may be under way at a time",
            Gauge::clone(&inflight_bound),
        );
        registry.register(
            "memory_budget_bytes",
            "Memory that games may take, in bytes, all shards together",
            Gauge::clone(&memory_budget),
        );
        let failures = Family::<ReasonLabel, Counter>::default();
        registry.register("cache_auth_failures", "Calls that were refused for want of a token", failures.clone());
        let failure = |reason| failures.get_or_create_owned(&ReasonLabel { reason });
        let metrics = Self {
            requests,
            active,
            inflight_bound,
            memory_budget,
            max_inflight: backpressure.reason("max_inflight"),
            auth_missing: failure("missing"),
            auth_invalid: failure("invalid"),
        };
        metrics.set_bounds(settings);
        metrics
    }

    /// Tells of the bounds that the settings set.
    pub fn set_bounds(&self, settings: &Settings) {
        let number = |bound: usize| i64::try_from(bound).unwrap_or(i64::MAX);
        self.inflight_bound.set(number(settings.limits.max_inflight.get()));
        self.memory_budget.set(number(settings.shard.memory_budget_bytes.get()));
    }

    /// Counts a request in, unless `max` are under way.
    #[must_use]
    pub fn enter(&self, max: usize) -> Option<Active> {
        let before = self.active.inc();
        let place = Active(self.active.clone());
        if usize::try_from(before).is_ok_and(|before| before >= max) {
            self.max_inflight.inc();
            return None;
        }
        Some(place)
    }

    /// Counts a call that was not let in.
    pub fn unauthorized(&self, failure: AuthFailure) {
        match failure {
            AuthFailure::Missing => self.auth_missing.inc(),
            AuthFailure::Invalid => self.auth_invalid.inc(),
        };
    }

    /// Notes an answered request. `route` is the pattern, never the path.
    pub fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = HttpLabels { method: known(method), route: route.to_owned(), status_code: status.as_u16() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// The method, where it is one that exists: callers can make up any number of others.
#[must_use]
pub fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "OTHER",
    }
}

/// How unevenly something is spread.
pub type Imbalance = Gauge<f64, AtomicU64>;

/// The coefficient of variation: the standard deviation as a share of the mean; 0 where there is nothing.
#[must_use]
pub fn variation(counts: &[usize]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let counts: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    #[expect(clippy::cast_precision_loss, reason = "there are few shards")]
    let len = counts.len().max(1) as f64;
    let mean = counts.iter().sum::<f64>() / len;
    if mean == 0.0 {
        return 0.0;
    }
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / len;
    variance.sqrt() / mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_spread_has_no_variation() {
        assert_eq!(variation(&[7, 7, 7]), 0.0);
        assert_eq!(variation(&[0, 0]), 0.0);
        assert_eq!(variation(&[]), 0.0);
    }

    #[test]
    fn all_on_one_of_two_varies_as_much_as_the_mean() {
        assert_eq!(variation(&[10, 0]), 1.0);
    }

    #[test]
    fn made_up_methods_share_one_label() {
        assert_eq!(known(&Method::from_bytes(b"BREW").unwrap()), "OTHER");
    }
}
