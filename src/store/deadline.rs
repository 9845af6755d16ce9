//! How long a call may take, which may change while calls are made.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long a call may take, in whole milliseconds. Clones are the same.
#[derive(Debug, Clone)]
pub struct Deadline(Arc<AtomicU64>);

impl Deadline {
    /// Starts with this one.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(millis(deadline))))
    }

    /// The one that holds for calls made now.
    #[must_use]
    pub fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }

    /// Sets the one for calls from now on.
    pub fn set(&self, deadline: Duration) {
        self.0.store(millis(deadline), Relaxed);
    }
}

fn millis(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)
}
