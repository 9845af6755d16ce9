//! Where Redis is, and how it is to be used.

use std::{fmt, time::Duration};

/// Where Redis is, as `redis://` and `rediss://` URLs. They may hold passwords: neither logged nor shown.
#[derive(Clone)]
pub enum Place {
    /// One server.
    Single(String),
    /// Some nodes of a cluster; the others are found through them.
    Cluster(Vec<String>),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(_) => f.write_str("Single"),
            Self::Cluster(nodes) => write!(f, "Cluster({} nodes)", nodes.len()),
        }
    }
}

/// How Redis is to be used.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    pub place: Place,
    /// What every key and channel begins with.
    pub namespace: String,
    /// Connections kept open when nobody needs them.
    pub pool_min: usize,
    /// Connections at most; calls beyond wait for one, within their time.
    pub pool_max: usize,
    /// What a call may take, waiting for a connection included.
    pub timeout: Duration,
    /// How long a key lives after its last write.
    pub ttl: Duration,
    /// Events kept of a game, the newest.
    pub retention: usize,
}
