//! What a scenario is, and how it can end.

use futures_util::future::LocalBoxFuture;

use super::stage::Stage;
use crate::client::ClientError;

/// One scenario of the acceptance test.
pub struct Scenario {
    pub name: &'static str,
    /// What is done, in order.
    pub steps: &'static [&'static str],
    pub expected: &'static str,
    pub play: for<'a> fn(&'a Stage) -> Playing<'a>,
}

/// A scenario under way.
pub type Playing<'a> = LocalBoxFuture<'a, Seen>;

/// What was seen, in words.
pub type Seen = Result<String, Miss>;

/// Why a scenario did not pass.
#[derive(Debug, PartialEq, Eq)]
pub enum Miss {
    /// It went otherwise than expected: what was seen instead.
    Failed(String),
    /// The server does not do such things: what it said.
    NotSupported(String),
}

impl From<ClientError> for Miss {
    fn from(error: ClientError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Goes on where it holds. `seen` says what was seen instead.
pub fn check(holds: bool, seen: impl FnOnce() -> String) -> Result<(), Miss> {
    if holds { Ok(()) } else { Err(Miss::Failed(seen())) }
}
