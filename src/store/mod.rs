//! What outlives memory: games, their events and their seats.
//!
//! [`Store`] is what the other layers name. Behind it, [`Durable`] is the source of truth; every tier of that kind
//! passes the one suite in `conformance`.

mod durable;
mod error;
mod metrics;
pub mod postgres;
mod sql;
pub mod sqlite;
mod tier;
mod tiered;
mod write;

#[cfg(test)]
mod conformance;
#[cfg(test)]
pub mod faulty;

pub use durable::{Cleaned, DurableStore, EventPage, PageLimit, Retention, Revocation, Revoked};
pub use error::StoreError;
pub use metrics::StoreMetrics;
pub use tier::Durable;
pub use tiered::Store;
pub use write::{Append, ClockChange, Floor, GameChange, Outcome, SeatMark, Served, Write};
