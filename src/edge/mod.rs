//! What the world sees: HTTP for backends and operators, WebSocket for game clients.
//!
//! Requests are read and judged here, then handed to the shard of their game; what comes back is written out.

mod admin;
mod auth;
mod body;
mod demo;
pub mod error;
mod health;
mod http;
mod limits;
mod live;
pub mod metrics;
mod pages;
mod redis_health;
mod request_id;
mod routes;
mod state;
#[cfg(test)]
pub mod test_kit;
pub mod ws;

pub use error::{Answer, Code};
pub use live::Live;
pub use metrics::EdgeMetrics;
pub use request_id::RequestId;
pub use routes::{Listener, app};
pub use state::{Edge, Parts};
