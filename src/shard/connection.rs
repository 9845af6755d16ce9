//! A connection, as a shard sees it: somewhere to hand things to, in order, without ever waiting.

use std::sync::Arc;

use bytestring::ByteString;

use super::{ShardError, messages::Welcome};
use crate::domain::{Event, EventRef, Farewell, GameId, Sequence, Timer, Timestamp, UserId};

/// Names one connection on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What a shard hands to a connection.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// The first of all: where the replay starts and what it will bring.
    Welcome(Box<Welcome>),
    /// Missed events. Until one comes without `more`, the connection asks for the next by `CatchUp`.
    Page { events: Vec<Arc<Event>>, more: bool },
    /// What everyone in the game is sent, written once.
    Shared(Frame),
    /// An acknowledgement was kept.
    Acknowledged { sequence: Sequence, backlog: u64 },
    /// A message of this connection was refused.
    Refused { client_ref: Option<EventRef>, error: ShardError },
}

/// A text to be sent to many, with shared bytes.
#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: FrameKind,
    pub text: ByteString,
}

/// What a shared frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A live event.
    Event(Sequence),
    Presence,
    Time,
}

/// The connection's queue is full. It is to be closed; its client resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow;

/// Where a shard hands things to a connection.
pub trait Outlet: Send + Sync {
    /// Queues something to be sent. Never waits.
    ///
    /// # Errors
    /// `Slow`: the queue is full, by count or by bytes.
    fn deliver(&self, delivery: Delivery) -> Result<(), Slow>;

    /// Ends the connection. What was queued and not sent is dropped, unless the farewell lets it finish.
    fn close(&self, why: Farewell);

    /// Whether the connection has ended. What is handed over from then on goes nowhere.
    fn is_gone(&self) -> bool;

    /// When the client was last heard of.
    fn last_seen(&self) -> Timestamp;
}

/// Writes what is the same for everyone, so that it is written once.
pub trait FrameWriter: Send + Sync {
    /// A live event.
    fn event(&self, game: &GameId, event: &Event) -> Frame;

    /// A player came or left.
    fn presence(&self, game: &GameId, user: &UserId, online: bool, at: Timestamp) -> Frame;

    /// What a game's clocks show.
    fn time(&self, timer: &Timer) -> Frame;
}
