//! Why Redis did not do what it was asked.

use crate::store::BreakerOpen;

/// Why Redis did not do what it was asked. Do without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// It was not asked, because it keeps failing.
    #[error(transparent)]
    Resting(#[from] BreakerOpen),
    /// No connection, no answer in time, or one that says no.
    #[error("redis is not available: {0}")]
    Unavailable(String),
    /// The settings name no server. Never says what they do say: that may hold a password.
    #[error("the URL of redis: {0}")]
    Url(String),
}
