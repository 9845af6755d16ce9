//! How long Redis keeps what it is given, which may change while it is used.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long keys live, and how many events of a game. Clones are the same.
#[derive(Clone)]
pub(super) struct Keeping(Arc<Kept>);

struct Kept {
    ttl_ms: AtomicU64,
    events: AtomicUsize,
}

impl Keeping {
    pub(super) fn new(ttl: Duration, events: usize) -> Self {
        Self(Arc::new(Kept { ttl_ms: AtomicU64::new(millis(ttl)), events: AtomicUsize::new(events) }))
    }

    /// How long a key lives after its last write, in milliseconds.
    pub(super) fn ttl_ms(&self) -> u64 {
        self.0.ttl_ms.load(Relaxed)
    }

    /// How many events of a game are kept, the newest.
    pub(super) fn events(&self) -> usize {
        self.0.events.load(Relaxed)
    }

    /// Holds for what is written and read from now on.
    pub(super) fn set(&self, ttl: Duration, events: usize) {
        self.0.ttl_ms.store(millis(ttl), Relaxed);
        self.0.events.store(events, Relaxed);
    }
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}
