//! Games in HTTP bodies.

use serde::{Deserialize, Serialize};

use super::{
    clock::{ControlBody, TimerBody},
    verbatim,
};
use crate::domain::{Epoch, GameId, Payload, Sequence, Timestamp, UserId};

/// What a game's backend sets; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PutGameBody {
    pub players: Option<Vec<UserId>>,
    pub time_control: Option<ControlBody>,
    #[serde(default, deserialize_with = "verbatim::read_optional")]
    pub metadata: Option<Payload>,
    pub open: Option<bool>,
}

/// A game as it stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GameBody<'a> {
    pub game_id: &'a GameId,
    pub epoch: Epoch,
    pub head_sequence: Sequence,
    pub floor_sequence: Sequence,
    pub players: Vec<PlayerBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer: Option<TimerBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<SummarizedBody>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "verbatim::write_optional")]
    pub metadata: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    pub shard: usize,
    pub cached: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One player of a game.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlayerBody<'a> {
    pub user_id: &'a UserId,
    pub online: bool,
    pub last_ack_sequence: Sequence,
    pub backlog: u64,
}

/// A summary to be kept.
#[derive(Debug, Deserialize)]
pub struct SummaryBody {
    pub sequence: Sequence,
    #[serde(deserialize_with = "verbatim::read")]
    pub state: Payload,
}

/// That there is a summary, and of which event.
#[derive(Debug, Serialize)]
pub struct SummarizedBody {
    pub sequence: Sequence,
}
