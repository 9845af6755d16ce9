//! Whether the service lives, whether it can do its work, and what it measures.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web,
};
use parking_lot::Mutex;
use prometheus_client::encoding::text;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::{Answer, Code, Edge, http::Answered, metrics::variation};
use crate::wire::operation::{ChecksBody, ReadyBody};

/// How long the store may take to answer a check.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How long the shards may take.
const SHARDS_ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// How long a check counts, so that a flood of probes does not become a flood of checks.
const FRESH: Duration = Duration::from_secs(1);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const OK: &str = "ok";
const UNAVAILABLE: &str = "unavailable";
const DISABLED: &str = "disabled";

/// What the last look at the store and the shards found.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, ChecksBody)>>);

impl Readiness {
    async fn check(&self, edge: &Edge) -> ChecksBody {
        if let Some(known) = self.known(Instant::now()) {
            return known;
        }
        let (store, shards) = futures_util::future::join(store(edge), shards(edge)).await;
        let found = ChecksBody { store, redis: redis(edge), shards };
        *self.0.lock() = Some((Instant::now(), found));
        found
    }

    /// What was found last, unless that was too long ago. Whoever is told to look for itself is the only one: until it
    /// is back, the others are given what was found last.
    fn known(&self, now: Instant) -> Option<ChecksBody> {
        let mut last = self.0.lock();
        let (at, found) = last.as_mut()?;
        if now.duration_since(*at) < FRESH {
            return Some(*found);
        }
        *at = now;
        None
    }
}

async fn store(edge: &Edge) -> &'static str {
    match timeout(STORE_ANSWERS_WITHIN, edge.shards.check_store()).await {
        Ok(Ok(())) => OK,
        // Said in the log alone: it may name files and hosts.
        Ok(Err(error)) => {
            tracing::warn!(context = "HttpServer", error = %error, "The durable store is not ready");
            UNAVAILABLE
        }
        Err(_) => {
            tracing::warn!(context = "HttpServer", "The durable store did not answer a check in time");
            UNAVAILABLE
        }
    }
}

/// What the tier's own probe has found. Not one of ours: Redis being slow must not make readiness slow.
fn redis(edge: &Edge) -> &'static str {
    match edge.shards.redis() {
        Some(redis) if !redis.is_connected() => UNAVAILABLE,
        Some(redis) if redis.read_through().enabled => OK,
        Some(_) | None => DISABLED,
    }
}

async fn shards(edge: &Edge) -> &'static str {
    let silent = edge.shards.stats(SHARDS_ANSWER_WITHIN).await.iter().filter(|stats| stats.is_none()).count();
    if silent == 0 {
        return OK;
    }
    tracing::warn!(context = "HttpServer", silent, "Shards did not answer a check in time");
    UNAVAILABLE
}

/// `GET /healthz`
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": OK }))
}

/// `GET /readyz`
pub async fn readyz(edge: web::Data<Edge>) -> HttpResponse {
    let checks = edge.readiness.check(&edge).await;
    let (code, status) = if edge.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if checks.store != OK || checks.shards != OK {
        (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE)
    } else if checks.redis == UNAVAILABLE {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    };
    HttpResponse::build(code).json(ReadyBody { status, checks })
}

/// `GET /metrics`
pub async fn metrics(edge: web::Data<Edge>) -> Answered {
    let entries: Vec<usize> =
        edge.shards.stats(SHARDS_ANSWER_WITHIN).await.into_iter().flatten().map(|stats| stats.entries).collect();
    edge.imbalance.set(variation(&entries));
    let mut text = String::new();
    text::encode(&mut text, &edge.registry).map_err(|error| Answer::new(Code::Internal, error))?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, OPEN_METRICS)).body(text))
}
