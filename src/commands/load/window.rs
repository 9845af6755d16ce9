//! The time in which a run is measured: how long it was, what happened in it, what it took.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    tally::Count,
    usage::{Taken, Usage},
    venue::Venue,
};

/// A time that has begun.
pub struct Window {
    from: Instant,
    counts: [u64; Count::ALL.len()],
    usage: Option<Usage>,
}

/// What it brought.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub lasted: Duration,
    /// How much each count has grown, in the order of [`Count::ALL`].
    pub grown: [u64; Count::ALL.len()],
    /// `None` where the server's metrics cannot be had.
    pub taken: Option<Taken>,
}

impl Window {
    /// Begins now.
    pub async fn open(venue: &Venue) -> Self {
        let usage = Usage::of(&venue.backend).await;
        Self { from: Instant::now(), counts: counts(venue), usage }
    }

    /// When it began.
    pub fn from(&self) -> Instant {
        self.from
    }

    /// Ends now.
    pub async fn close(self, venue: &Venue) -> Measured {
        let (lasted, mut grown) = (self.from.elapsed(), counts(venue));
        grown.iter_mut().zip(self.counts).for_each(|(count, before)| *count -= before);
        let after = Usage::of(&venue.backend).await;
        Measured { lasted, grown, taken: self.usage.zip(after).map(|(before, after)| after.since(&before)) }
    }
}

impl Measured {
    /// Both times together.
    pub fn and(mut self, later: Self) -> Self {
        self.grown.iter_mut().zip(later.grown).for_each(|(count, more)| *count += more);
        let taken = match (self.taken, later.taken) {
            (Some(taken), Some(more)) => Some(taken.and(&more)),
            (one, other) => one.or(other),
        };
        Self { lasted: self.lasted + later.lasted, grown: self.grown, taken }
    }
}

fn counts(venue: &Venue) -> [u64; Count::ALL.len()] {
    Count::ALL.map(|what| venue.tally().of(what))
}
