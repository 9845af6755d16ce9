//! What outlives memory: games, their events and their seats.
//!
//! Every durable tier is a source of truth, and passes the one suite in `conformance`.

mod durable;
mod error;
pub mod sqlite;
mod write;

#[cfg(test)]
mod conformance;

pub use durable::{Cleaned, DurableStore, EventPage, Retention, Revocation, Revoked};
pub use error::StoreError;
pub use write::{Append, Floor, GameChange, Outcome, SeatMark, Write};
