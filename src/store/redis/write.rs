//! What Redis is to keep and to pass on.
//!
//! Any of it may be lost, repeated or late: Redis is asked for speed, and the durable store for the truth.

use std::sync::Arc;

use crate::{
    domain::{Epoch, Event, GameId, Sequence, SessionId, UserId},
    store::{Change, SeatMark},
};

/// One write. Those of one game are done in the order they were given.
#[derive(Debug, Clone)]
pub enum CacheWrite {
    /// Adds events to those of their game.
    Append { game_id: GameId, epoch: Epoch, events: Vec<Arc<Event>> },
    /// Puts events in the place of all there are, at one moment.
    Hydrate { game_id: GameId, epoch: Epoch, events: Vec<Arc<Event>> },
    /// Removes the events up to and with the floor.
    Prune { game_id: GameId, floor: Sequence },
    /// Keeps a seat as it stands, and which game its session belongs to.
    Seat { game_id: GameId, user_id: UserId, mark: SeatMark },
    /// Keeps which game a session belongs to.
    Session { session_id: SessionId, game_id: GameId },
    /// Removes a seat and its session.
    ForgetSeat { game_id: GameId, user_id: UserId, session_id: SessionId },
    /// Removes a game's events.
    ForgetGame(GameId),
    /// Tells the other nodes.
    Tell(Change),
}
