//! Sessions in HTTP bodies.

use serde::{Deserialize, Serialize};

use super::verbatim;
use crate::domain::{GameId, Payload, Sequence, SessionId, Timestamp, UserId};

/// A seat to be taken.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakeSeatBody {
    pub user_id: UserId,
    #[serde(default, deserialize_with = "verbatim::read_optional")]
    pub metadata: Option<Payload>,
}

/// A seat that was taken: the only body that ever holds a token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatTakenBody {
    pub session_id: SessionId,
    pub token: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_ack_sequence: Sequence,
}

/// A token to be looked at.
#[derive(Deserialize)]
pub struct ValidateBody {
    pub token: String,
}

/// A session as it stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody<'a> {
    pub session_id: SessionId,
    pub game_id: &'a GameId,
    pub user_id: &'a UserId,
    pub last_ack_sequence: Sequence,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_heartbeat_at: Timestamp,
    pub revoked: bool,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "verbatim::write_optional")]
    pub metadata: Option<&'a Payload>,
}

/// How many sessions were revoked that were not before.
#[derive(Debug, Serialize)]
pub struct RevokedBody {
    pub revoked: usize,
}
