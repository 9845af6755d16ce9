//! Group commit: what many games have to write goes to the durable store in one transaction.
//!
//! Owns the queues before the store and the size of a batch. There is no timer: a batch is what came while the one
//! before it was being committed, so that a lone write never waits and a crowd shares the cost of a sync. Where the store
//! has more than one writer, what is too much for one batch goes into another beside it, and so does how far users have
//! seen, for which nobody waits.

use std::sync::Arc;

use futures_util::{
    FutureExt,
    future::{OptionFuture, join3},
};
use tokio::sync::mpsc;

use super::{Busy, metrics::JournalMetrics};
use crate::store::{Outcome, Store, StoreError, Write};

/// Writes that may wait in a queue before it is full.
const QUEUE: usize = 8_192;
/// Rows of one batch of games. Beyond some hundreds a bigger batch only takes longer.
const BATCH_ROWS: usize = 1_024;
/// Writes that wait in the games' queue before it overflows into another: two small batches cost more than one.
const WORTH_A_BATCH: usize = 256;
/// Rows of one batch of marks: it holds its games' rows, for which their next events wait.
const BATCH_MARKS: usize = 32;

/// What came of a submission.
pub type Written = Result<Outcome, StoreError>;

/// Something to write, and whom to tell.
pub struct Submission {
    pub write: Write,
    pub then: Box<dyn FnOnce(Written) + Send>,
}

/// Where to submit what is to be written. Clones share the queues.
#[derive(Clone)]
pub struct Journal {
    games: mpsc::Sender<Submission>,
    /// This and the next are the games' queue, where the store has one writer.
    overflow: mpsc::Sender<Submission>,
    marks: mpsc::Sender<Submission>,
    metrics: Arc<JournalMetrics>,
}

impl Journal {
    /// Starts a journal before a store, and returns the task that ends once every clone is dropped and all is written.
    pub fn start(store: Store, metrics: Arc<JournalMetrics>) -> (Self, impl Future<Output = ()> + Send) {
        let many_writers = store.is_shared();
        Self::open(store, metrics, many_writers)
    }

    fn open(store: Store, metrics: Arc<JournalMetrics>, many_writers: bool) -> (Self, impl Future<Output = ()> + Send) {
        let queue = |rows| {
            let (queue, submissions) = mpsc::channel(QUEUE);
            (queue, run(store.clone(), submissions, rows, Arc::clone(&metrics)))
        };
        let beside = |games: &mpsc::Sender<Submission>, rows| {
            if many_writers {
                let (queue, running) = queue(rows);
                (queue, Some(running))
            } else {
                (games.clone(), None)
            }
        };
        let (games, of_games) = queue(BATCH_ROWS);
        let (overflow, of_overflow) = beside(&games, BATCH_ROWS);
        let (marks, of_marks) = beside(&games, BATCH_MARKS);
        let writing = join3(of_games, OptionFuture::from(of_overflow), OptionFuture::from(of_marks)).map(|_| ());
        (Self { games, overflow, marks, metrics }, writing)
    }

    /// A journal whose submissions the caller takes out by itself.
    #[cfg(test)]
    pub fn by_hand() -> (Self, mpsc::Receiver<Submission>) {
        let (games, submissions) = mpsc::channel(QUEUE);
        let metrics = Arc::new(JournalMetrics::register(&mut prometheus_client::registry::Registry::default()));
        (Self { overflow: games.clone(), marks: games.clone(), games, metrics }, submissions)
    }

    /// Queues a write. A game's next is submitted once the one before is written, but for its marks: each of those says
    /// what it holds for, and only moves forward.
    ///
    /// # Errors
    /// `Busy::Journal`, with the write: the queue is full. Nothing will be written.
    pub fn submit(&self, submission: Submission) -> Result<(), (Busy, Submission)> {
        let queue = if matches!(submission.write, Write::Marks { .. }) {
            &self.marks
        } else if QUEUE - self.games.capacity() >= WORTH_A_BATCH {
            &self.overflow
        } else {
            &self.games
        };
        let queued = queue.try_send(submission).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(submission) | mpsc::error::TrySendError::Closed(submission) => {
                (Busy::Journal, submission)
            }
        });
        if queued.is_ok() {
            self.metrics.depth.inc();
        }
        queued
    }
}

async fn run(
    store: Store,
    mut submissions: mpsc::Receiver<Submission>,
    batch_rows: usize,
    metrics: Arc<JournalMetrics>,
) {
    while let Some(first) = submissions.recv().await {
        let mut rows = weight(&first.write);
        let (mut writes, mut waiting) = (vec![first.write], vec![first.then]);
        while rows < batch_rows
            && let Ok(submission) = submissions.try_recv()
        {
            rows += weight(&submission.write);
            writes.push(submission.write);
            waiting.push(submission.then);
        }
        metrics.depth.dec_by(i64::try_from(writes.len()).unwrap_or(i64::MAX));
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics.batch_events.observe(rows as f64);

        let begun = tokio::time::Instant::now();
        let outcomes = store.commit(writes).await;
        metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());

        match outcomes {
            Ok(outcomes) => {
                // Nobody is left without an answer, whatever the store says.
                let unknown = || Err(StoreError::Unknown("the store did not say".to_owned()));
                let outcomes = outcomes.into_iter().map(Ok).chain(std::iter::repeat_with(unknown));
                waiting.into_iter().zip(outcomes).for_each(|(then, outcome)| then(outcome));
            }
            Err(error) => {
                tracing::error!(context = "Journal", error = %error, writes = waiting.len(), "Group commit failed");
                waiting.into_iter().for_each(|then| then(Err(error.clone())));
            }
        }
    }
}

/// What a write adds to a batch: rows, about.
fn weight(write: &Write) -> usize {
    match write {
        Write::Append(append) => append.events.len(),
        Write::Recall { events, .. } => events.len(),
        Write::Marks { seats, floors, clocks } => seats.len() + floors.len() + clocks.len(),
        Write::CreateGame(_)
        | Write::ChangeGame(_)
        | Write::PutClock(_)
        | Write::PutSummary { .. }
        | Write::TakeSeat { .. }
        | Write::DeleteGame { .. } => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::registry::Registry;
    use tokio::{sync::oneshot, time::timeout};

    use super::*;
    use crate::{
        domain::{Epoch, GameId, Sequence},
        store::{
            Append, BreakerLimits, Durable,
            faulty::{Fault, Faults, FaultyStore, Whose},
        },
    };

    const SOON: Duration = Duration::from_secs(5);

    fn submit(journal: &Journal, write: Write) -> oneshot::Receiver<Written> {
        let (done, written) = oneshot::channel();
        let then = Box::new(move |written| drop(done.send(written)));
        assert!(journal.submit(Submission { write, then }).is_ok());
        written
    }

    /// A journal of many writers, which never gets an answer about the game `slow`.
    fn start() -> (Journal, Faults) {
        let (faulty, faults) = FaultyStore::temporary();
        let mut registry = Registry::default();
        let store = Store::of_one_tier(Durable::Faulty(faulty), SOON * 2, BreakerLimits::default(), &mut registry);
        let metrics = Arc::new(JournalMetrics::register(&mut registry));
        let (journal, writing) = Journal::open(store, metrics, true);
        drop(tokio::spawn(writing));
        faults.set(Whose::GamesLike("slow"), Fault::Stuck);
        (journal, faults)
    }

    fn append(game_id: &str) -> Write {
        Write::Append(Append {
            game_id: GameId::parse(game_id).unwrap(),
            epoch: Epoch::generate(),
            expected_head: Sequence::ZERO,
            expected_clock: 0,
            events: Vec::new(),
            clock: None,
        })
    }

    #[tokio::test]
    async fn marks_do_not_wait_for_events_that_the_store_is_slow_with() {
        let (journal, faults) = start();

        let mut event = submit(&journal, append("slow"));
        let marks = submit(&journal, Write::Marks { seats: Vec::new(), floors: Vec::new(), clocks: Vec::new() });

        assert_eq!(timeout(SOON, marks).await.unwrap().unwrap(), Ok(Outcome::Done));
        assert!(event.try_recv().is_err());
        faults.lift();
        assert!(timeout(SOON, event).await.unwrap().unwrap().is_ok());
        assert_eq!(journal.metrics.depth.get(), 0);
    }

    #[tokio::test]
    async fn what_is_too_much_for_a_batch_does_not_wait_for_it() {
        let (journal, faults) = start();

        let slow = submit(&journal, append("slow"));
        let is_under_way = async {
            while journal.metrics.depth.get() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, is_under_way).await.unwrap();
        let mut enough: Vec<_> = (0..WORTH_A_BATCH).map(|_| submit(&journal, append("quick"))).collect();
        let too_much = submit(&journal, append("quick"));

        assert!(timeout(SOON, too_much).await.unwrap().unwrap().is_ok());
        assert!(enough.iter_mut().all(|written| written.try_recv().is_err()));
        faults.lift();
        for written in enough.into_iter().chain([slow]) {
            assert!(timeout(SOON, written).await.unwrap().unwrap().is_ok());
        }
    }
}
