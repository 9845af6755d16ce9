//! What outlives memory: games, their events and their seats.
//!
//! [`Store`] is what the other layers name. Behind it, [`Durable`] is the source of truth; every tier of that kind
//! passes the one suite in `conformance`.

mod breaker;
mod cache;
mod change;
mod deadline;
mod durable;
mod error;
mod metrics;
mod pool;
pub mod postgres;
pub mod redis;
mod registry_metrics;
mod sql;
pub mod sqlite;
mod tier;
mod tiered;
mod write;

#[cfg(test)]
mod conformance;
#[cfg(test)]
pub mod faulty;
#[cfg(test)]
mod services;

pub use breaker::{Breaker, BreakerLimits, BreakerMetrics, BreakerOpen, BreakerState, BreakerView, Dependency, Permit};
pub use cache::{Cache, ReadThrough};
pub use change::Change;
pub use deadline::Deadline;
pub use durable::{Cleaned, DurableStore, EventPage, PageLimit, Retention, Revocation, Revoked, Stand};
pub use error::StoreError;
pub use metrics::StoreMetrics;
pub use registry_metrics::{CacheOperation, CacheTier, CacheTotals, RegistryMetrics};
pub use tier::Durable;
pub use tiered::{InRedis, Loaded, Origin, Store, Tiers, Whereabouts, sooner};
pub use write::{Append, ClockChange, Floor, GameChange, Outcome, SeatMark, Served, Write};
