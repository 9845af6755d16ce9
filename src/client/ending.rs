//! How a connection ended, and what a client should do about it (the protocol's table of close codes).

use thiserror::Error;

/// The end of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Ending {
    /// The server said goodbye. A close frame without a code reads as 1005, as RFC 6455 has it.
    #[error("closed with {code} `{reason}`")]
    Closed { code: u16, reason: String },
    /// The socket ended, or fell silent, without a close frame.
    #[error("lost: {cause}")]
    Lost { cause: String },
}

/// What the protocol asks of a client whose connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Never reconnect without being told to.
    Stop,
    /// Reconnect after a pause that grows with each failure.
    Backoff,
    /// The server restarts: reconnect after the time it asked for in `DRAINING`.
    AfterDraining,
}

impl Ending {
    /// Returns what to do next, by close code; a code nobody named is a failure like any other.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Closed { code: 1000 | 1003 | 1008 | 1009 | 4001, .. } => Advice::Stop,
            Self::Closed { code: 1012, .. } => Advice::AfterDraining,
            Self::Closed { .. } | Self::Lost { .. } => Advice::Backoff,
        }
    }

    pub(super) fn lost(cause: impl ToString) -> Self {
        Self::Lost { cause: cause.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_close_code_has_the_advice_of_the_table() {
        let advice = |code| Ending::Closed { code, reason: String::new() }.advice();

        for code in [1000, 1003, 1008, 1009, 4001] {
            assert_eq!(advice(code), Advice::Stop, "{code}");
        }
        for code in [1001, 1005, 1011, 1013, 4002, 4003] {
            assert_eq!(advice(code), Advice::Backoff, "{code}");
        }
        assert_eq!(advice(1012), Advice::AfterDraining);
        assert_eq!(Ending::lost("reset").advice(), Advice::Backoff);
    }
}
