//! One game as an operator sees it: where it is, who is there, and who came and went.

use serde::Serialize;

use super::clock::TimerBody;
use crate::domain::{Epoch, GameId, Sequence, SessionId, Timestamp, UserId};

/// One game, looked at closely.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InspectionBody<'a> {
    pub game_id: &'a GameId,
    pub shard: usize,
    /// The fastest place it is in: `memory`, `redis`, `store` or `nowhere`.
    pub found_in: &'static str,
    pub memory: MemoryBody,
    pub redis: RedisBody,
    pub store: StoreBody,
    /// As memory has it, else as the durable store does.
    pub game: Option<GameDetailBody<'a>>,
    pub connections: Vec<ConnectionBody<'a>>,
    /// The last comings and goings at this node, newest first.
    pub visits: Vec<VisitBody<'a>>,
}

/// What is in memory of a game.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryBody {
    /// `present`, `absent`, or `unavailable` where the shard does not answer.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

/// What is in Redis of a game.
#[derive(Debug, Serialize)]
pub struct RedisBody {
    /// `present`, `absent`, `unavailable`, or `unused` where it is not asked for this game.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
}

/// What is in the durable store of a game.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreBody {
    /// `present`, `absent` or `unavailable`.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_sequence: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_sequence: Option<Sequence>,
}

/// How a game stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GameDetailBody<'a> {
    pub epoch: Epoch,
    pub head_sequence: Sequence,
    pub floor_sequence: Sequence,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_sequence: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer: Option<TimerBody<'a>>,
    pub seats: Vec<SeatBody<'a>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A named player, or somebody with a seat.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatBody<'a> {
    pub user_id: &'a UserId,
    pub named: bool,
    pub session_id: Option<SessionId>,
    pub online: bool,
    pub connections: usize,
    pub last_ack_sequence: Sequence,
    pub backlog: u64,
    pub holds_floor: bool,
    pub last_heartbeat_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A connection in the game at this node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionBody<'a> {
    pub user_id: &'a UserId,
    pub role: &'static str,
    pub delivered_sequence: Sequence,
    pub live: bool,
}

/// A connection that came, was turned away, or ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VisitBody<'a> {
    pub at: Timestamp,
    pub user_id: Option<&'a UserId>,
    /// `resumed`, `new_session`, `watching`, `not_recovered`, `refused` or `ended`.
    pub outcome: &'static str,
    pub reason: Option<&'static str>,
    /// The close code of a connection that was refused or ended by the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_code: Option<u16>,
    #[serde(flatten)]
    pub replay: Option<ReplayBody>,
    /// The same for people.
    pub explanation: String,
}

/// What a connection that came in was given.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayBody {
    pub role: &'static str,
    pub from_sequence: Sequence,
    pub head_sequence: Sequence,
    pub floor_sequence: Sequence,
    pub replay_count: u64,
    /// Where the game was found: `memory`, `redis` or `store`.
    pub source: &'static str,
}
