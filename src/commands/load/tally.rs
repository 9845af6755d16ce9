//! What all players of a run count together: events, latencies, refusals, faults.
//!
//! Every number is counted where it happens and read by the sampler. A lock is held for one addition.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Moves sent, each once however often it was repeated.
    Sent,
    /// Moves whose sender has seen them.
    Confirmed,
    /// Moves of a schedule that were due, and not sent before the end: each is timed as if it had been confirmed then.
    Unplayed,
    /// Live events seen by somebody else.
    Delivered,
    /// Events seen in a replay.
    Replayed,
    /// Acknowledgements confirmed.
    Acknowledged,
    /// Connections made, the first of each player.
    Connected,
    /// Returns with a resume token.
    Resumed,
    /// Connections that ended without anybody wanting it.
    Lost,
    /// Connections that were cut on purpose.
    Cut,
    /// Sessions made by the backend.
    Opened,
    /// Sessions revoked, and refused from then on.
    Revoked,
    /// Sessions that expired, and were refused from then on.
    Expired,
    /// Games that were made to lie in memory.
    Resident,
}

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// From when a move was meant to be sent until its sender saw it.
    Confirmation,
    /// From when a move was meant to be sent until somebody else saw it.
    Delivery,
    /// From dialling until welcomed, at a first connection.
    Connect,
    /// From dialling until the last missed event was there.
    Resume,
    /// The same, from when a player was meant to come back.
    Return,
    /// From when a session was meant to be made until it was.
    Open,
    /// From revoking a session until its connection was closed.
    Revoke,
}

impl Count {
    pub const ALL: [Self; 14] = [
        Self::Sent,
        Self::Confirmed,
        Self::Unplayed,
        Self::Delivered,
        Self::Replayed,
        Self::Acknowledged,
        Self::Connected,
        Self::Resumed,
        Self::Lost,
        Self::Cut,
        Self::Opened,
        Self::Revoked,
        Self::Expired,
        Self::Resident,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Unplayed => "unplayed",
            Self::Delivered => "delivered",
            Self::Replayed => "replayed",
            Self::Acknowledged => "acknowledged",
            Self::Connected => "connected",
            Self::Resumed => "resumed",
            Self::Lost => "lost",
            Self::Cut => "cut",
            Self::Opened => "opened",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Resident => "resident",
        }
    }
}

impl Latency {
    pub const ALL: [Self; 7] =
        [Self::Confirmation, Self::Delivery, Self::Connect, Self::Resume, Self::Return, Self::Open, Self::Revoke];

    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Delivery => "delivery",
            Self::Connect => "connect",
            Self::Resume => "resume",
            Self::Return => "return",
            Self::Open => "open",
            Self::Revoke => "revoke",
        }
    }
}

/// The counts of a run, shared by everybody in it.
pub struct Tally {
    counts: [AtomicU64; Count::ALL.len()],
    online: AtomicU64,
    recent: [Mutex<Histogram<u64>>; Latency::ALL.len()],
    refusals: Mutex<BTreeMap<String, u64>>,
    faults: Mutex<Faults>,
}

/// What was wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    pub count: u64,
    /// The first of them, in words.
    pub first: Vec<String>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: Default::default(),
            online: AtomicU64::new(0),
            recent: Latency::ALL.map(|_| Mutex::new(histogram())),
            refusals: Mutex::default(),
            faults: Mutex::default(),
        }
    }
}

impl Tally {
    pub fn count(&self, what: Count) {
        self.add(what, 1);
    }

    pub fn add(&self, what: Count, number: u64) {
        self.counts[what as usize].fetch_add(number, Ordering::Relaxed);
    }

    pub fn of(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// Times something, to the microsecond.
    pub fn time(&self, what: Latency, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.recent[what as usize].lock().saturating_record(micros);
    }

    /// Takes out what was timed since the last time this was asked, and adds it to `total`. `recent` is scratch, and holds
    /// it afterwards.
    pub fn drain(&self, what: Latency, recent: &mut Histogram<u64>, total: &mut Histogram<u64>) {
        recent.reset();
        std::mem::swap(&mut *self.recent[what as usize].lock(), recent);
        total.add(&*recent).expect("both have the same bounds");
    }

    /// Connections there are now.
    pub fn online(&self) -> u64 {
        self.online.load(Ordering::Relaxed)
    }

    pub fn came(&self) {
        self.online.fetch_add(1, Ordering::Relaxed);
    }

    pub fn left(&self) {
        self.online.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts what the server refused, by its code.
    pub fn refused(&self, code: &str) {
        let mut refusals = self.refusals.lock();
        match refusals.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(refusals.insert(code.to_owned(), 1)),
        }
    }

    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.refusals.lock().clone()
    }

    /// Notes what must not be: a broken promise, and whose.
    pub fn fault(&self, of: &str, what: impl Display) {
        let mut faults = self.faults.lock();
        faults.count += 1;
        if faults.first.len() < FAULTS_KEPT {
            faults.first.push(format!("{of}: {what}"));
        }
    }

    pub fn faults(&self) -> Faults {
        self.faults.lock().clone()
    }
}

/// From a microsecond to an hour, to three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds are in order")
}

/// A broken server breaks every event; the first few say enough.
const FAULTS_KEPT: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_timed_is_drained_once_and_kept_in_total() {
        let tally = Tally::default();
        let (mut recent, mut total) = (histogram(), histogram());
        tally.time(Latency::Resume, Duration::from_millis(5));
        tally.drain(Latency::Resume, &mut recent, &mut total);
        tally.time(Latency::Resume, Duration::from_secs(7_200));

        tally.drain(Latency::Resume, &mut recent, &mut total);

        assert_eq!((recent.len(), total.len()), (1, 2));
        assert!((4_990..=5_010).contains(&total.min()) && total.max() >= 3_600_000_000, "an hour stands for more");
    }

    #[test]
    fn all_faults_are_counted_and_the_first_are_kept() {
        let tally = Tally::default();

        (0..25).for_each(|number| tally.fault("g", number));

        let faults = tally.faults();
        assert_eq!((faults.count, faults.first.len(), faults.first[0].as_str()), (25, FAULTS_KEPT, "g: 0"));
    }
}
