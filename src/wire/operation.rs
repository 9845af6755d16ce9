//! What operators send and read.

use serde::{Deserialize, Serialize};

use crate::domain::GameId;

/// How the shards do.
#[derive(Debug, Serialize)]
pub struct ShardsBody {
    pub shards: Vec<ShardBody>,
    /// Coefficient of variation of entries across shards.
    pub imbalance: f64,
}

/// How one shard does. What only it can say is null where it does not answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardBody {
    pub shard: usize,
    pub answering: bool,
    pub queue_depth: usize,
    pub mailbox_capacity: usize,
    pub entries: Option<usize>,
    pub memory_bytes: Option<usize>,
    pub budget_bytes: Option<usize>,
    pub hits: Option<u64>,
    pub misses: Option<u64>,
    pub evictions: Option<u64>,
    pub expirations: Option<u64>,
    pub games: Option<usize>,
    pub connections: Option<usize>,
}

/// The switches that work at once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlagsBody {
    pub redis_read_through: RedisReadThrough,
}

/// The share of games that use the Redis tier.
#[derive(Debug, Serialize)]
pub struct RedisReadThrough {
    pub enabled: bool,
    pub percent: u8,
}

/// Switches to be set; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutFlagsBody {
    pub redis_read_through: PutRedisReadThrough,
}

/// See [`RedisReadThrough`].
#[derive(Debug, Deserialize)]
pub struct PutRedisReadThrough {
    pub enabled: Option<bool>,
    pub percent: Option<u8>,
}

/// What to drop from memory.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlushBody {
    /// All games where it is absent.
    pub game_id: Option<GameId>,
    /// Drop it from the Redis tier too, where there is one.
    pub redis: Option<bool>,
}

/// What a clean-up removed.
#[derive(Debug, Serialize)]
pub struct CleanedBody {
    pub sessions: u64,
    pub games: usize,
    pub events: u64,
}

/// Every circuit breaker.
#[derive(Debug, Serialize)]
pub struct BreakersBody {
    pub breakers: Vec<BreakerBody>,
}

/// One circuit breaker: of the calls that count now, and of all since the start.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakerBody {
    pub dependency: &'static str,
    /// `closed`, `half_open` or `open`.
    pub state: &'static str,
    pub recent_calls: usize,
    pub recent_failures: usize,
    pub calls: u64,
    pub failures: u64,
    /// Calls that were not made.
    pub refused: u64,
    pub opened: u64,
}

/// Whether the service can do its work.
#[derive(Debug, Serialize)]
pub struct ReadyBody {
    pub status: &'static str,
    pub checks: ChecksBody,
}

/// What readiness depends on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ChecksBody {
    pub store: &'static str,
    pub redis: &'static str,
    pub shards: &'static str,
}
