//! When a failing store is left alone for a while.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::section::Section;
use super::values::{COUNT, MILLISECONDS, Percent, milliseconds};
use super::variable::Variable;

const ERROR_PERCENT: &str = "a whole number from 1 to 100";

/// The limits of every circuit breaker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BreakerSettings {
    /// `BREAKER_ERROR_PERCENT`, default 50: the share of failed calls that opens it, never 0.
    #[serde(rename = "breaker_error_percent", deserialize_with = "above_zero")]
    pub error_percent: Percent,
    /// `BREAKER_MIN_CALLS`, default 20: with fewer calls it stays closed.
    #[serde(rename = "breaker_min_calls")]
    pub min_calls: NonZeroU32,
    /// `BREAKER_RESET_MS`, default 5000 ms: how long it stays open before one call is tried.
    #[serde(rename = "breaker_reset_ms", deserialize_with = "milliseconds")]
    pub reset_after: Duration,
}

impl Section for BreakerSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("BREAKER_ERROR_PERCENT", ERROR_PERCENT).default("50").reloads(),
        Variable::new("BREAKER_MIN_CALLS", COUNT).default("20").reloads(),
        Variable::new("BREAKER_RESET_MS", MILLISECONDS).default("5000").reloads(),
    ];
}

// At 0 percent it would open without any failure.
fn above_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Percent, D::Error> {
    let percent = Percent::deserialize(deserializer)?;
    if percent.as_u8() == 0 { Err(D::Error::custom(ERROR_PERCENT)) } else { Ok(percent) }
}
