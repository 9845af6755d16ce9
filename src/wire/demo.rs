//! Games of the page at play in HTTP bodies.

use serde::{Deserialize, Serialize};

use super::clock::ControlBody;
use crate::domain::{GameId, Timestamp, UserId};

/// A game to be made for two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoGameBody {
    pub time_control: Option<ControlBody>,
}

/// The game, and what opens it to each of the two.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoGameMadeBody<'a> {
    pub game_id: &'a GameId,
    pub white: InvitationBody<'a>,
    pub black: InvitationBody<'a>,
    pub expires_at: Timestamp,
    /// Whether whoever asked may restart the service.
    pub may_restart: bool,
}

/// One player's way in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvitationBody<'a> {
    pub user_id: &'a UserId,
    pub token: String,
}
