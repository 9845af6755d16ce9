//! Why a store did not do what it was asked.

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written. Ask again later.
    #[error("the durable store is not available: {0}")]
    Unavailable(String),
    /// It may or may not have been written. Ask again in a way that is safe to repeat.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
}
