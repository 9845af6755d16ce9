//! How values that several sections use are read from text, and what to say they must be.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

pub(super) const TRUE_OR_FALSE: &str = "true or false";
pub(super) const COUNT: &str = "a whole number of at least 1";
pub(super) const COUNT_OR_ZERO: &str = "a whole number of at least 0";
pub(super) const BYTES: &str = "a whole number of bytes, at least 1";
pub(super) const PERCENT: &str = "a whole number from 0 to 100";
pub(super) const MILLISECONDS: &str = "a whole number of milliseconds from 1 to 4294967295";
pub(super) const MILLISECONDS_OR_ZERO: &str = "a whole number of milliseconds from 0 to 4294967295";
pub(super) const SECONDS: &str = "a whole number of seconds from 1 to 4294967295";
pub(super) const SECONDS_OR_ZERO: &str = "a whole number of seconds from 0 to 4294967295";

/// A share of a whole, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u8")]
pub struct Percent(u8);

impl Percent {
    /// Returns the share as a number from 0 to 100.
    pub fn as_u8(self) -> u8 {
        self.0
    }
}

/// The number is above 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {PERCENT}")]
pub struct NotAPercent;

impl TryFrom<u8> for Percent {
    type Error = NotAPercent;

    fn try_from(share: u8) -> Result<Self, NotAPercent> {
        if share > 100 { Err(NotAPercent) } else { Ok(Self(share)) }
    }
}

// 32 bits keep every duration short enough to be added to any time.

pub(super) fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let milliseconds = NonZeroU32::deserialize(deserializer)?;
    Ok(Duration::from_millis(milliseconds.get().into()))
}

pub(super) fn milliseconds_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_millis(u32::deserialize(deserializer)?.into()))
}

pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = NonZeroU32::deserialize(deserializer)?;
    Ok(Duration::from_secs(seconds.get().into()))
}

pub(super) fn seconds_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(u32::deserialize(deserializer)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_ends_at_100() {
        assert_eq!(Percent::try_from(100).map(Percent::as_u8), Ok(100));
        assert_eq!(Percent::try_from(101), Err(NotAPercent));
    }
}
