//! What nodes tell each other, so that none goes on with what another has changed.
//!
//! Each message may be lost: whoever has connections compares with the durable store every so often.

use super::Revoked;
use crate::domain::{Epoch, GameId, Generation, Sequence, SessionId};

/// Something that another node should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Events were recorded: the game's head is here now.
    Recorded { game_id: GameId, epoch: Epoch, head: Sequence },
    /// Its players, seats or summary are other ones.
    Altered(GameId),
    /// A session was revoked.
    Revoked(Revoked),
    /// A session came to another node, with a token of this generation: older connections of it are to end.
    TakenOver { game_id: GameId, session_id: SessionId, generation: Generation },
    /// A game was removed.
    Removed(GameId),
}

impl Change {
    /// The game it is about.
    #[must_use]
    pub fn game_id(&self) -> &GameId {
        match self {
            Self::Recorded { game_id, .. } | Self::TakenOver { game_id, .. } => game_id,
            Self::Altered(game_id) | Self::Removed(game_id) => game_id,
            Self::Revoked(revoked) => &revoked.game_id,
        }
    }
}
