//! What operators look at and turn, behind an API token.

pub mod games;

use std::time::Duration;

use actix_web::{HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, Code, Edge, body::Body, http::Answered, metrics::variation};
use crate::{
    domain::GameId,
    settings::{LogLevel, Percent},
    shard::{BreakerView, Cache, ReadThrough, Retention, messages::Notice},
    wire::operation::{
        BreakerBody, BreakersBody, CleanedBody, FlagsBody, FlushBody, PutFlagsBody, RedisReadThrough, ShardBody,
        ShardsBody,
    },
};

/// How long the shards may take to answer.
const SHARDS_ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// `GET /admin/shards`
pub async fn shards(edge: web::Data<Edge>) -> HttpResponse {
    let stats = edge.shards.stats(SHARDS_ANSWER_WITHIN).await;
    let entries: Vec<usize> = stats.iter().flatten().map(|stats| stats.entries).collect();
    let rows = edge.shards.all().iter().zip(stats).enumerate().map(|(shard, (handle, stats))| ShardBody {
        shard,
        answering: stats.is_some(),
        queue_depth: handle.depth(),
        mailbox_capacity: handle.capacity(),
        entries: stats.map(|stats| stats.entries),
        memory_bytes: stats.map(|stats| stats.memory_bytes),
        budget_bytes: stats.map(|stats| stats.budget_bytes),
        hits: stats.map(|stats| stats.hits),
        misses: stats.map(|stats| stats.misses),
        evictions: stats.map(|stats| stats.evictions),
        expirations: stats.map(|stats| stats.expirations),
        games: stats.map(|stats| stats.rooms),
        connections: stats.map(|stats| stats.connections),
    });
    HttpResponse::Ok().json(ShardsBody { shards: rows.collect(), imbalance: variation(&entries) })
}

/// `GET /admin/flags`
pub async fn flags(edge: web::Data<Edge>) -> HttpResponse {
    let percent = edge.live().settings.redis.readthrough_percent.as_u8();
    let without_redis = ReadThrough { enabled: false, percent };
    HttpResponse::Ok().json(flags_body(edge.shards.redis().map_or(without_redis, Cache::read_through)))
}

/// `PUT /admin/flags`
pub async fn put_flags(edge: web::Data<Edge>, body: Body) -> Answered {
    let PutFlagsBody { redis_read_through: asked } = body.json()?;
    if let Some(percent) = asked.percent {
        Percent::try_from(percent).map_err(|error| Answer::invalid(format!("redisReadThrough.percent: {error}")))?;
    }
    let redis = edge.shards.redis();
    let redis = redis.ok_or_else(|| Answer::new(Code::Conflict, "redisReadThrough: no Redis tier is configured"))?;
    let before = redis.read_through();
    redis.set_read_through(ReadThrough {
        enabled: asked.enabled.unwrap_or(before.enabled),
        percent: asked.percent.unwrap_or(before.percent),
    });
    Ok(HttpResponse::Ok().json(flags_body(redis.read_through())))
}

fn flags_body(ReadThrough { enabled, percent }: ReadThrough) -> FlagsBody {
    FlagsBody { redis_read_through: RedisReadThrough { enabled, percent } }
}

/// `GET /admin/config`
pub async fn config(edge: web::Data<Edge>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "settings": edge.live().settings.in_force() }))
}

/// What is logged.
#[derive(Serialize, Deserialize)]
struct LogLevelBody {
    level: LogLevel,
}

/// `GET /admin/log-level`
pub async fn log_level(edge: web::Data<Edge>) -> Answered {
    let level = edge.log.level().ok_or_else(|| Answer::new(Code::Internal, "nothing is logged any more"))?;
    Ok(HttpResponse::Ok().json(LogLevelBody { level }))
}

/// `PUT /admin/log-level`
pub async fn put_log_level(edge: web::Data<Edge>, body: Body) -> Answered {
    let body: LogLevelBody = body.json()?;
    // Said before it may be too quiet to be heard.
    tracing::info!(context = "HttpServer", level = %body.level, "Changing the log level");
    edge.log.set_level(body.level).map_err(|error| Answer::new(Code::Internal, error))?;
    Ok(HttpResponse::Ok().json(body))
}

/// `POST /admin/cache/flush`
pub async fn flush(edge: web::Data<Edge>, body: Body) -> Answered {
    let FlushBody { game_id, redis } = body.json()?;
    // Redis first: what is loaded meanwhile goes with memory.
    if redis == Some(true) {
        let forgotten = edge.shards.forget_in_redis(game_id.as_ref()).await;
        forgotten.map_err(|error| Answer::new(Code::Unavailable, error))?;
        let game_id = game_id.as_ref().map(GameId::as_str);
        tracing::info!(context = "GameSessionRegistryRedis", gameId = game_id, "Flushed Redis");
    }
    tracing::info!(context = "HttpServer", gameId = game_id.as_ref().map(GameId::as_str), "Flushing memory");
    match game_id {
        Some(game_id) => edge.shards.tell(&game_id.clone(), Notice::Flush(Some(game_id))),
        None => edge.shards.tell_all(|| Notice::Flush(None)),
    }
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /admin/cleanup`
pub async fn clean_up(edge: web::Data<Edge>) -> Answered {
    let now = edge.clock.now();
    let live = edge.live();
    let lifetimes = &live.settings.session;
    let keep = Retention { absent_after: lifetimes.absent_player, untouched_for: lifetimes.game_retention };

    let cleaned = edge.to_the_end(|shards| async move { shards.clean_up(keep, now).await }).await?;

    let (sessions, games, events) = (cleaned.sessions, cleaned.games.len(), cleaned.events);
    tracing::info!(context = "GameSessionRegistryScheduler", sessions, games, events, "Cleaned up as asked");
    let body = CleanedBody { sessions: cleaned.sessions, games: cleaned.games.len(), events: cleaned.events };
    Ok(HttpResponse::build(StatusCode::OK).json(body))
}

/// `GET /admin/breakers`
pub async fn breakers(edge: web::Data<Edge>) -> HttpResponse {
    let body = |breaker: BreakerView| BreakerBody {
        dependency: breaker.dependency.as_str(),
        state: breaker.state.as_str(),
        recent_calls: breaker.recent_calls,
        recent_failures: breaker.recent_failures,
        calls: breaker.calls,
        failures: breaker.failures,
        refused: breaker.refused,
        opened: breaker.opened,
    };
    HttpResponse::Ok().json(BreakersBody { breakers: edge.shards.breakers().into_iter().map(body).collect() })
}
