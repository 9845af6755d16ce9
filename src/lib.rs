//! Rejoin keeps a player's seat at the table: a client whose connection drops comes back to the same seat and sees
//! exactly what was missed, in order, at once.

pub mod client;
pub mod commands;
pub mod settings;
pub mod telemetry;
