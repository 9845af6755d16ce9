//! `GAME_RESUME`, the first frame of every connection.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Timer;

/// What the server says about the seat and the game before the replay. Fields as the protocol names them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    pub game_id: String,
    pub user_id: String,
    pub role: Role,
    /// `None` for a spectator, as are the token and the times that belong to it.
    pub session_id: Option<String>,
    /// Opens the seat from the next connection on; the one before it works until this connection sends something.
    pub token: Option<String>,
    pub issued_at: Option<u64>,
    pub expires_at: Option<u64>,
    /// The position the replay starts after.
    pub last_sequence: u64,
    pub head_sequence: u64,
    pub floor_sequence: u64,
    pub epoch: String,
    pub resumed: bool,
    /// Every event after the client's position will be delivered.
    pub recovered: bool,
    pub replay_count: u64,
    pub heartbeat_interval_ms: u64,
    pub max_message_bytes: u64,
    pub server_time: u64,
    /// What the clocks show, in a game that has some.
    pub timer: Option<Timer>,
    pub summary: Option<Summary>,
    pub players: Vec<PlayerInfo>,
}

/// Whether somebody plays or watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Player,
    Spectator,
}

/// The state of a game at one sequence, as its backend vouched for it.
#[derive(Debug, Clone, Deserialize)]
pub struct Summary {
    pub sequence: u64,
    pub state: Box<RawValue>,
}

/// One player of the game, as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlayerInfo {
    pub user_id: String,
    pub online: bool,
    pub last_ack_sequence: u64,
}

impl Welcome {
    /// Returns the last acknowledgement the server knows of the user it welcomes.
    pub fn own_ack(&self) -> Option<u64> {
        let own = self.players.iter().find(|player| player.user_id == self.user_id)?;
        Some(own.last_ack_sequence)
    }
}
