//! Who owns a game: exactly one shard, and within it one turn at a time.
//!
//! A command enters by [`Shards`], crosses the bounded `mailbox` of its game's shard ([`actor`]) and is done in one turn
//! of [`core`]: `joining`, `recording`, `marking`, `timing` and `governing` are its topics, `memory` is a game's way in and
//! out,
//! [`residents`] and `room` are what is kept. What has to be written goes through the [`journal`], what has to be read
//! through the [`reader`]. What other nodes do comes in by the [`bus`], and `elsewhere` says what becomes of it.

pub mod actor;
mod budget;
pub mod bus;
pub mod connection;
pub mod core;
mod elsewhere;
mod error;
mod governing;
mod handle;
#[cfg(test)]
mod history;
pub mod inspecting;
pub mod janitor;
mod joining;
pub mod journal;
mod mailbox;
mod marking;
mod memory;
pub mod messages;
pub mod metrics;
pub mod reader;
mod recording;
mod refusing;
pub mod residents;
mod room;
mod timing;
mod watch;

pub use bus::Bus;
pub use connection::{ConnectionId, Delivery, Frame, FrameKind, FrameWriter, Outlet, Slow};
pub use error::{Busy, ShardError};
pub use handle::{ShardHandle, Shards};
pub use journal::Journal;
pub use reader::Reader;

// Plain types that callers of the shards need, so that no other layer names the store.
pub use crate::store::{
    BreakerView, Cache, CacheTotals, Cleaned, InRedis, ReadThrough, Retention, Revocation, StoreError, Whereabouts,
    redis::{PoolStatus, RedisReport},
};
