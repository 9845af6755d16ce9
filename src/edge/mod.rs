//! What the world sees: HTTP for backends and operators, WebSocket for game clients.
//!
//! Requests are read and judged here, then handed to the shard of their game; what comes back is written out.

pub mod error;
mod state;
pub mod ws;

pub use state::Edge;
