//! Everything that can go wrong for a client, with the facts.

use std::{io, time::Duration};

use thiserror::Error;

use super::{Advice, Ending, Refusal};

/// Why a client could not do what it was asked to.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The dial cannot be made into a request. Fix it.
    #[error("cannot dial `{url}`: {reason}")]
    Address { url: String, reason: String },
    /// Nothing answers there.
    #[error("cannot reach `{url}`: {source}")]
    Unreachable { url: String, source: io::Error },
    /// The server answered with HTTP instead of a WebSocket. `body` is what it said, a problem document as a rule.
    #[error("the upgrade was refused with HTTP {status}: {body}")]
    UpgradeRefused { status: u16, retry_after: Option<Duration>, body: String },
    /// What answered does not speak WebSocket.
    #[error("no WebSocket handshake: {reason}")]
    Handshake { reason: String },
    /// The other side took longer than it was given.
    #[error("{doing} took longer than {within:?}")]
    Deadline { doing: &'static str, within: Duration },
    /// The connection ended.
    #[error(transparent)]
    Ended(#[from] Ending),
    /// The server sent what the protocol does not have.
    #[error("outside the protocol: {reason}")]
    Malformed { reason: String },
    /// The server refused one message; the connection lives on.
    #[error("refused with {0}")]
    Refused(Refusal),
    /// The deadline came before it was done.
    #[error("the deadline passed; the last failure was: {last}")]
    GaveUp { last: Box<ClientError> },
    /// The HTTP API did not do it. `body` is what it said, a problem document as a rule.
    #[error("`{path}` answered with HTTP {status}: {body}")]
    HttpRefused { path: String, status: u16, body: String },
    /// An access token could not be signed.
    #[error("cannot mint an access token: {0}")]
    Mint(jsonwebtoken::errors::Error),
}

impl ClientError {
    /// Returns whether dialling again may help, and when.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Ended(ending) => ending.advice(),
            Self::UpgradeRefused { status: 429 | 502..=504, .. } => Advice::Backoff,
            Self::Unreachable { .. } | Self::Deadline { .. } => Advice::Backoff,
            Self::Address { .. }
            | Self::UpgradeRefused { .. }
            | Self::Handshake { .. }
            | Self::Malformed { .. }
            | Self::Refused(_)
            | Self::GaveUp { .. }
            | Self::HttpRefused { .. }
            | Self::Mint(_) => Advice::Stop,
        }
    }

    /// Returns how long the server asked to stay away, where it refused the upgrade.
    pub(super) fn retry_after(&self) -> Duration {
        match self {
            Self::UpgradeRefused { retry_after: Some(pause), .. } => *pause,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn malformed(reason: impl ToString) -> Self {
        Self::Malformed { reason: reason.to_string() }
    }
}
