//! Why a shard did not do what it was asked. The edge maps each to an answer, once.

use crate::{
    domain::{Rejection, TokenRefused},
    store::StoreError,
};

/// Why a shard did not do what it was asked. Nothing was changed, save where `Unknown` says that it may have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    #[error("too much to do: {0}")]
    Busy(Busy),
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error("there is no such game")]
    NoGame,
    #[error("there is no such session")]
    NoSession,
    #[error("this game has no clocks: set its timeControl first")]
    NoClock,
    #[error(transparent)]
    Token(#[from] TokenRefused),
    #[error("the durable store is not available")]
    Unavailable,
    #[error("the outcome is not known: try again with the same ref")]
    Unknown,
    #[error("a fault of the service")]
    Internal,
}

/// Which bound was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    #[error("the shard's mailbox is full")]
    Mailbox,
    #[error("the journal is full")]
    Journal,
    #[error("the memory budget has no room")]
    Memory,
}

impl From<StoreError> for ShardError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable,
            StoreError::Unknown(_) => Self::Unknown,
        }
    }
}
