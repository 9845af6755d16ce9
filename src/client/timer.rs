//! What the server says of a game's clocks: in `GAME_TIME`, in `GAME_RESUME`, and over HTTP.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A timer snapshot. Fields as the protocol names them, times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timer {
    /// Whose turn it is; nobody's once a clock has reached zero.
    pub active: Option<String>,
    /// What each player had left at `server_time`.
    pub remaining_ms: BTreeMap<String, u64>,
    /// Whether no clock runs although it is somebody's turn.
    pub paused: bool,
    pub config: TimeControl,
    pub server_time: u64,
}

/// What a game's backend has set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeControl {
    pub preset: String,
    pub total_time_ms: u64,
    pub increment_ms: u64,
    pub delay_ms: u64,
    pub turn_types: Vec<String>,
    pub on_disconnect: String,
    pub grace_ms: u64,
}

impl Timer {
    /// Whose clock runs.
    #[must_use]
    pub fn running(&self) -> Option<&str> {
        self.active.as_deref().filter(|_| !self.paused)
    }

    /// What a player had left at `server_time`.
    #[must_use]
    pub fn remaining_of(&self, user_id: &str) -> Option<u64> {
        self.remaining_ms.get(user_id).copied()
    }
}
