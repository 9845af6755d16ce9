//! The fast tier in front of the durable one: a Redis server or cluster that the nodes share.
//!
//! Holds the newest events and the seats of games, and carries what nodes tell each other. All of it may be lost, and
//! none of it is to be believed before it was held against the durable store.

mod cached;
mod error;
mod options;
mod report;
mod write;

pub use cached::{CachedEvent, CachedGame, Wanted};
pub use error::RedisError;
pub use options::{OpenOptions, Place};
pub use report::{PoolStatus, RedisReport};
pub use write::CacheWrite;
