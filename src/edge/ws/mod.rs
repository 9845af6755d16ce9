//! Game clients over WebSocket.
//!
//! [`upgrade`] lets a request in and reads who it is from; [`actor`] is the connection; [`session`] says what its frames
//! mean. [`inbox`] and [`outbox`] are its two directions, each bounded; [`connections`] watches all of them from outside,
//! because an actor whose socket is stuck does not run.

mod actor;
mod connections;
mod entry;
mod frames;
mod inbox;
pub mod logbook;
pub mod metrics;
mod outbox;
mod session;
mod socket;
#[cfg(test)]
mod tests;
mod upgrade;

pub use connections::{ConnectionLimits, Connections};
pub use frames::Frames;
pub use socket::on_connect;
pub use upgrade::open;
