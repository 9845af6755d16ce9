//! What a server says of itself at one moment.

use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    client::{Backend, ClientError},
    commands::exposition::Exposition,
};

/// One look at a server.
pub struct Look {
    pub at: Instant,
    pub metrics: Exposition,
    pub shards: Vec<Shard>,
    /// Coefficient of variation of the shards' entries.
    pub imbalance: f64,
}

/// One shard. What only it can say is missing where it does not answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    pub shard: usize,
    pub queue_depth: u64,
    pub mailbox_capacity: u64,
    pub entries: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub budget_bytes: Option<u64>,
    pub hits: Option<u64>,
    pub misses: Option<u64>,
    pub connections: Option<u64>,
}

#[derive(Deserialize)]
struct Shards {
    shards: Vec<Shard>,
    imbalance: f64,
}

impl Look {
    /// Asks the server for its shards and metrics.
    ///
    /// # Errors
    /// `Unreachable`, `HttpRefused`: it does not answer, or the token is wrong. `Malformed`: it is no such server.
    pub async fn at(server: &Backend) -> Result<Self, ClientError> {
        let shards = server.get("/admin/shards").await?;
        let Shards { shards, imbalance } = serde_json::from_str(&shards).map_err(|error| no_server(&error))?;
        let metrics = Exposition::parse(&server.get("/metrics").await?);
        if metrics.is_empty() {
            return Err(no_server(&"/metrics is empty"));
        }
        Ok(Self { at: Instant::now(), metrics, shards, imbalance })
    }
}

fn no_server(reason: &dyn std::fmt::Display) -> ClientError {
    ClientError::Malformed { reason: format!("{reason}; is it the listener for operators?") }
}
