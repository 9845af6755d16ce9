//! Points in time, and values at them.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A point in time, in seconds since 1970, by whose clock is for its owner to say.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Moment(pub f64);

/// A value, and when it was so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub at: Moment,
    pub value: f64,
}

/// The values of one series, oldest first. None is NaN.
pub type Line = Vec<Point>;

impl Moment {
    /// What has passed since then; nothing, where that is yet to come.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from_secs_f64(self.0 - earlier.0).unwrap_or_default()
    }

    /// So much later.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0 + span.as_secs_f64())
    }

    /// So much earlier.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0 - span.as_secs_f64())
    }

    fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::try_from_secs_f64(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(self.system_time()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_in_utc() {
        assert_eq!(Moment(1_700_000_000.9).to_string(), "2023-11-14T22:13:20Z");
        assert_eq!(Moment(7.5).since(Moment(5.0)), Duration::from_millis(2500));
        assert_eq!(Moment(5.0).since(Moment(7.5)), Duration::ZERO);
    }
}
