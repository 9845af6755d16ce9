//! Group commit: what many games have to write goes to the durable store in one transaction.
//!
//! Owns the queues before the store and the size of a batch. There is no timer: a batch is what came while the one
//! before it was being committed, so that a lone write never waits and a crowd shares the cost of a sync. Where the store
//! has more than one writer, a great deal is committed as two batches at a time, and how far users have seen goes beside
//! it all: nobody waits for it.

use std::sync::Arc;

use futures_util::{FutureExt, future::join_all};
use tokio::sync::mpsc;

use super::{Busy, metrics::JournalMetrics};
use crate::store::{Outcome, Store, StoreError, Write};

/// Writes that may wait in a queue before it is full.
const QUEUE: usize = 8_192;
/// Rows of one batch of games. Beyond some hundreds a bigger batch only takes longer.
const BATCH_ROWS: usize = 512;
/// Batches of games at a time, where the store has more than one writer.
const BATCHES: usize = 2;
/// Writes that must wait for another batch beside the one before: two small ones cost more than one.
const WORTH_A_BATCH: usize = BATCH_ROWS / 2;
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
    /// The games' queue, where the store has one writer.
    marks: mpsc::Sender<Submission>,
    metrics: Arc<JournalMetrics>,
}

impl Journal {
    /// Starts a journal before a store, and returns the task that ends once every clone is dropped and all is written.
    pub fn start(store: Store, metrics: Arc<JournalMetrics>) -> (Self, impl Future<Output = ()> + Send) {
        let batches = if store.is_shared() { BATCHES } else { 1 };
        Self::open(store, metrics, batches)
    }

    fn open(store: Store, metrics: Arc<JournalMetrics>, batches: usize) -> (Self, impl Future<Output = ()> + Send) {
        let queue = |rows, batches| {
            let (queue, submissions) = mpsc::channel(QUEUE);
            (queue, run(store.clone(), submissions, rows, batches, Arc::clone(&metrics)))
        };
        let (games, of_games) = queue(BATCH_ROWS, batches);
        let mut running = vec![of_games];
        let marks = if batches == 1 {
            games.clone()
        } else {
            let (marks, of_marks) = queue(BATCH_MARKS, 1);
            running.push(of_marks);
            marks
        };
        (Self { games, marks, metrics }, join_all(running).map(drop))
    }

    /// A journal whose submissions the caller takes out by itself.
    #[cfg(test)]
    pub fn by_hand() -> (Self, mpsc::Receiver<Submission>) {
        let (games, submissions) = mpsc::channel(QUEUE);
        let metrics = Arc::new(JournalMetrics::register(&mut prometheus_client::registry::Registry::default()));
        (Self { marks: games.clone(), games, metrics }, submissions)
    }

    /// Queues a write. A game's next is submitted once the one before is written, but for its marks: each of those says
    /// what it holds for, and only moves forward.
    ///
    /// # Errors
    /// `Busy::Journal`, with the write: the queue is full. Nothing will be written.
    pub fn submit(&self, submission: Submission) -> Result<(), (Busy, Submission)> {
        let queue = if submission.write.game_id().is_some() { &self.games } else { &self.marks };
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

/// What is committed together, and who waits for it.
struct Batch {
    writes: Vec<Write>,
    waiting: Vec<Box<dyn FnOnce(Written) + Send>>,
    rows: usize,
}

async fn run(
    store: Store,
    mut submissions: mpsc::Receiver<Submission>,
    rows: usize,
    most: usize,
    metrics: Arc<JournalMetrics>,
) {
    while let Some(first) = submissions.recv().await {
        let mut batches = vec![Batch::gather(first, &mut submissions, rows)];
        while batches.len() < most
            && submissions.len() >= WORTH_A_BATCH
            && let Ok(first) = submissions.try_recv()
        {
            batches.push(Batch::gather(first, &mut submissions, rows));
        }
        join_all(batches.into_iter().map(|batch| batch.commit(&store, &metrics))).await;
    }
}

impl Batch {
    fn gather(first: Submission, submissions: &mut mpsc::Receiver<Submission>, most_rows: usize) -> Self {
        let mut rows = weight(&first.write);
        let (mut writes, mut waiting) = (vec![first.write], vec![first.then]);
        while rows < most_rows
            && let Ok(submission) = submissions.try_recv()
        {
            rows += weight(&submission.write);
            writes.push(submission.write);
            waiting.push(submission.then);
        }
        Self { writes, waiting, rows }
    }

    async fn commit(self, store: &Store, metrics: &JournalMetrics) {
        let Self { writes, waiting, rows } = self;
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
            faulty::{Fault, FaultyStore, Whose},
        },
    };

    const SOON: Duration = Duration::from_secs(5);

    fn submit(journal: &Journal, write: Write) -> oneshot::Receiver<Written> {
        let (done, written) = oneshot::channel();
        let then = Box::new(move |written| drop(done.send(written)));
        assert!(journal.submit(Submission { write, then }).is_ok());
        written
    }

    #[tokio::test]
    async fn marks_do_not_wait_for_events_that_the_store_is_slow_with() {
        let (faulty, faults) = FaultyStore::temporary();
        let mut registry = Registry::default();
        let store = Store::of_one_tier(Durable::Faulty(faulty), SOON * 2, BreakerLimits::default(), &mut registry);
        let metrics = Arc::new(JournalMetrics::register(&mut registry));
        let (journal, writing) = Journal::open(store, Arc::clone(&metrics), BATCHES);
        drop(tokio::spawn(writing));
        faults.set(Whose::GamesLike("slow"), Fault::Stuck);

        let mut event = submit(
            &journal,
            Write::Append(Append {
                game_id: GameId::parse("slow").unwrap(),
                epoch: Epoch::generate(),
                expected_head: Sequence::ZERO,
                expected_clock: 0,
                events: Vec::new(),
                clock: None,
            }),
        );
        let marks = submit(&journal, Write::Marks { seats: Vec::new(), floors: Vec::new(), clocks: Vec::new() });

        assert_eq!(timeout(SOON, marks).await.unwrap().unwrap(), Ok(Outcome::Done));
        assert!(event.try_recv().is_err());
        faults.lift();
        assert!(timeout(SOON, event).await.unwrap().unwrap().is_ok());
        assert_eq!(metrics.depth.get(), 0);
    }
}
