//! What is asked of Redis, and what it had.

use std::sync::Arc;

use crate::{
    domain::{Epoch, Event, GameId, UserId},
    store::SeatMark,
};

/// A game to look for.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub game_id: GameId,
    /// Whose seat to read along.
    pub user_id: Option<UserId>,
}

/// What Redis had of a game. Nothing of it is to be believed before it was held against the durable store.
#[derive(Debug, Default)]
pub struct CachedGame {
    /// By sequence, ascending. There may be holes, and several events of one sequence from different epochs.
    pub events: Vec<CachedEvent>,
    /// The seat of the user that was asked for.
    pub seat: Option<SeatMark>,
}

/// An event, and the life of its game that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedEvent {
    pub epoch: Epoch,
    pub event: Arc<Event>,
}
