//! Wall time. Tests hold it still and move it by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::domain::Timestamp;

/// Tells the time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `now` until it is moved.
    #[must_use]
    pub fn held_at(now: Timestamp) -> Self {
        Self(Source::Held(Arc::new(AtomicI64::new(now.as_millis()))))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                #[expect(clippy::disallowed_methods, reason = "the one place where the system's clock is read")]
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Held(now) => Timestamp::from_millis(now.load(Ordering::Relaxed)),
        }
    }

    /// Moves a held clock on; the machine's clock moves by itself.
    pub fn advance(&self, span: Duration) {
        match &self.0 {
            Source::System => {}
            Source::Held(now) => {
                now.fetch_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
            }
        }
    }
}
