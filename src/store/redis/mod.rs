//! The fast tier in front of the durable one: a Redis server or cluster that the nodes share.
//!
//! Holds the newest events and the seats of games, and carries what nodes tell each other. All of it may be lost, and
//! none of it is to be believed before it was held against the durable store.

mod cached;
mod complaint;
mod connection;
mod connections;
mod dialer;
mod error;
mod keeping;
mod keys;
mod listener;
mod member;
mod message;
mod metrics;
mod options;
mod plan;
mod queue;
mod report;
mod seat;
mod sweep;
mod tier;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use cached::{CachedEvent, CachedGame, Wanted};
pub use error::RedisError;
pub use metrics::RedisMetrics;
pub use options::{OpenOptions, Place};
pub use report::{PoolStatus, RedisReport};
pub use tier::RedisTier;
pub use write::CacheWrite;
