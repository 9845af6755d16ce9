//! The writes that wait for Redis.
//!
//! Owns their bound, in number and in memory. When it is full, what comes is dropped: whoever reads finds the cache
//! stale, and repairs it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::mpsc;

use super::CacheWrite;

/// About a second of what one server can write.
const WRITES: usize = 8_192;
/// Of events that nobody else may hold any more.
const BYTES: usize = 32 << 20;
/// Writes that are taken at a time.
const BATCH: usize = 512;

/// Where writes are offered. Clones are the same.
#[derive(Clone)]
pub(super) struct Queue {
    sender: mpsc::Sender<CacheWrite>,
    level: Level,
}

/// Where they are taken.
pub(super) struct Waiting {
    receiver: mpsc::Receiver<CacheWrite>,
    level: Level,
}

#[derive(Clone)]
struct Level {
    bytes: Arc<AtomicUsize>,
    writes: Gauge,
}

/// Makes a queue, whose depth the gauge shows.
pub(super) fn queue(depth: Gauge) -> (Queue, Waiting) {
    let (sender, receiver) = mpsc::channel(WRITES);
    let level = Level { bytes: Arc::default(), writes: depth };
    (Queue { sender, level: level.clone() }, Waiting { receiver, level })
}

impl Queue {
    /// Takes a write, or gives it back when there is no room for it. Never waits.
    pub(super) fn offer(&self, write: CacheWrite) -> Result<(), CacheWrite> {
        let bytes = write.bytes();
        if self.level.bytes.fetch_add(bytes, Relaxed) + bytes > BYTES {
            self.level.bytes.fetch_sub(bytes, Relaxed);
            return Err(write);
        }
        self.level.writes.inc();
        self.sender.try_send(write).map_err(|refused| {
            self.level.bytes.fetch_sub(bytes, Relaxed);
            self.level.writes.dec();
            refused.into_inner()
        })
    }
}

impl Waiting {
    /// Takes what waits, up to a bound, in the order it was offered; `None` when nobody offers any more.
    pub(super) async fn next(&mut self) -> Option<Vec<CacheWrite>> {
        let mut batch = Vec::with_capacity(BATCH.min(self.receiver.len().max(1)));
        let taken = self.receiver.recv_many(&mut batch, BATCH).await;
        self.level.bytes.fetch_sub(batch.iter().map(CacheWrite::bytes).sum(), Relaxed);
        self.level.writes.dec_by(i64::try_from(taken).expect("a batch is small"));
        (taken > 0).then_some(batch)
    }
}

impl CacheWrite {
    /// Memory that it may hold alone.
    fn bytes(&self) -> usize {
        match self {
            Self::Append { events, .. } | Self::Hydrate { events, .. } => {
                events.iter().map(|event| event.accounted_bytes()).sum()
            }
            Self::Prune { .. }
            | Self::Seat { .. }
            | Self::Session { .. }
            | Self::ForgetSeat { .. }
            | Self::ForgetGame(_)
            | Self::Tell(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Epoch, Event, Payload},
        store::conformance::table::{event, game_id},
    };

    fn write(name: &str) -> CacheWrite {
        CacheWrite::ForgetGame(game_id(name))
    }

    fn of_a_mebibyte() -> CacheWrite {
        let event = Event { payload: Payload::from_store("x".repeat(1 << 20)), ..event(1) };
        CacheWrite::Append { game_id: game_id("g"), epoch: Epoch::generate(), events: vec![Arc::new(event)] }
    }

    #[tokio::test]
    async fn a_full_queue_drops_what_comes_and_has_room_again_when_something_was_taken() {
        let depth = Gauge::default();
        let (queue, mut waiting) = queue(depth.clone());

        let taken = (0..WRITES + 10).filter(|number| queue.offer(write(&number.to_string())).is_ok()).count();

        assert_eq!((taken, depth.get()), (WRITES, i64::try_from(WRITES).unwrap()));
        let batch = waiting.next().await.unwrap();
        assert!(matches!(&batch[0], CacheWrite::ForgetGame(game) if game.as_str() == "0"), "{:?}", batch[0]);
        assert_eq!((batch.len(), depth.get()), (BATCH, i64::try_from(WRITES - BATCH).unwrap()));
        assert!(queue.offer(write("more")).is_ok());
    }

    #[tokio::test]
    async fn large_events_fill_it_before_their_number_does() {
        let (queue, mut waiting) = queue(Gauge::default());

        let taken = (0..100).filter(|_| queue.offer(of_a_mebibyte()).is_ok()).count();

        assert_eq!(taken, 31, "each is a little more than a mebibyte");
        assert!(queue.offer(write("small")).is_ok());
        assert_eq!(waiting.next().await.unwrap().len(), 32);
        assert!(queue.offer(of_a_mebibyte()).is_ok());
    }

    #[tokio::test]
    async fn it_ends_with_those_who_offer() {
        let (queue, mut waiting) = queue(Gauge::default());
        queue.offer(write("last")).unwrap();

        drop(queue);

        assert_eq!(waiting.next().await.unwrap().len(), 1);
        assert!(waiting.next().await.is_none());
    }
}
