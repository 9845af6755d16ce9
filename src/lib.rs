//! Rejoin keeps a player's seat at the table: a client whose connection drops comes back to the same seat and sees
//! exactly what was missed, in order, at once.

#![deny(clippy::unwrap_used, reason = "say with expect why it cannot fail")]

pub mod app;
pub mod client;
pub mod clock;
pub mod commands;
pub mod domain;
pub mod edge;
pub mod settings;
pub mod shard;
pub mod store;
pub mod telemetry;
pub mod wire;
