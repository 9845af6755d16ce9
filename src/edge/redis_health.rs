//! What `/api/health/redis` says: the document that dashboards and runbooks of the Redis tier read, field by field.

use std::time::UNIX_EPOCH;

use actix_web::{HttpResponse, http::StatusCode, web};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Edge;
use crate::{
    domain::Timestamp,
    shard::{CacheTotals, PoolStatus, RedisReport},
};

/// How Redis did when it was asked just now.
enum Answer {
    /// There is none.
    None,
    Healthy(RedisReport),
    Unhealthy(String),
}

/// `GET /api/health/redis`
pub async fn redis(edge: web::Data<Edge>) -> HttpResponse {
    let answer = ask(&edge).await;
    let (code, status) = match &answer {
        Answer::None => (StatusCode::OK, "disabled"),
        Answer::Healthy(_) => (StatusCode::OK, "healthy"),
        Answer::Unhealthy(_) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy"),
    };
    let now = UNIX_EPOCH + edge.clock.now().since(Timestamp::default());
    let (report, errors) = match answer {
        Answer::None => (None, Vec::new()),
        Answer::Healthy(report) => (Some(report), Vec::new()),
        Answer::Unhealthy(error) => (None, vec![error]),
    };
    HttpResponse::build(code).json(json!({
        "status": status,
        "timestamp": humantime::format_rfc3339_millis(now).to_string(),
        "redis": server(report.as_ref()),
        "sessionCache": cache(&edge, report.is_some()),
        "performance": {
            "ping": report.as_ref().map(|report| thousandths(report.ping_ms)),
            "set": report.as_ref().map(|report| thousandths(report.set_ms)),
            "get": report.as_ref().map(|report| thousandths(report.get_ms)),
        },
        "errors": errors,
    }))
}

async fn ask(edge: &Edge) -> Answer {
    let Some(redis) = edge.shards.redis() else { return Answer::None };
    // Each question has its own deadline; this one is for all of them.
    match timeout(edge.live().settings.limits.request_timeout, redis.report()).await {
        Ok(Ok(report)) => Answer::Healthy(report),
        Ok(Err(error)) => Answer::Unhealthy(error.to_string()),
        Err(_) => Answer::Unhealthy("no answer in time".to_owned()),
    }
}

fn server(report: Option<&RedisReport>) -> Value {
    json!({
        "connected": report.is_some(),
        "version": report.map(|report| &report.version),
        "uptime": report.map(|report| report.uptime.as_secs()),
        "usedMemory": report.map(|report| &report.used_memory),
        "totalKeys": report.map(|report| report.total_keys),
    })
}

fn cache(edge: &Edge, healthy: bool) -> Value {
    let redis = edge.shards.redis();
    let CacheTotals { hits, misses, errors, hit_rate } = edge.shards.lookups();
    let PoolStatus { size, available, pending } =
        redis.map_or(PoolStatus { size: 0, available: 0, pending: 0 }, |redis| redis.pool());
    json!({
        "enabled": redis.is_some_and(|redis| redis.read_through().enabled),
        "healthy": healthy,
        "metrics": {
            "hits": hits,
            "misses": misses,
            "errors": errors,
            "total": hits + misses,
            "hitRate": hundredths(hit_rate),
            "ttl": edge.live().settings.session.token_ttl.as_secs(),
        },
        "pool": { "size": size, "available": available, "pending": pending },
    })
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
