//! What outlives memory: games, their events and their seats.
//!
//! [`Durable`] is the source of truth; every tier of that kind passes the one suite in `conformance`.

mod durable;
mod error;

mod write;

pub use durable::{Cleaned, DurableStore, EventPage, Retention, Revocation, Revoked};
pub use error::StoreError;
pub use write::{Append, Floor, GameChange, Outcome, SeatMark, Write};
