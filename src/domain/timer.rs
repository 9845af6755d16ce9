//! What everyone is told of a game's clocks.

use std::{sync::Arc, time::Duration};

use super::{TimeControl, Timestamp, UserId};

/// The clocks at one moment, as everyone is told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Whose turn it is; nobody's once a clock has reached zero.
    pub active: Option<UserId>,
    /// What each player has left at that moment, in the order of their turns.
    pub remaining: Vec<(UserId, Duration)>,
    /// Whether no clock runs although it is somebody's turn.
    pub paused: bool,
    pub control: Arc<TimeControl>,
    pub at: Timestamp,
}
