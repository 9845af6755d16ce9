//! Game clients over WebSocket.

mod connections;

pub use connections::Connections;
