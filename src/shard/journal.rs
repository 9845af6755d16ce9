//! Group commit: what many games have to write goes to the durable store in one transaction.
//!
//! Owns the queue before the store and the size of a batch. There is no timer: a batch is what came while the one
//! before it was being committed, so that a lone write never waits and a crowd shares the cost of a sync.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Busy, metrics::JournalMetrics};
use crate::store::{Outcome, Store, StoreError, Write};

/// Writes that may wait before the journal is full.
const QUEUE: usize = 8_192;
/// Events of one batch. Beyond some hundreds a bigger batch only takes longer.
const BATCH_EVENTS: usize = 1_024;

/// What came of a submission.
pub type Written = Result<Outcome, StoreError>;

/// Something to write, and whom to tell.
pub struct Submission {
    pub write: Write,
    pub then: Box<dyn FnOnce(Written) + Send>,
}

/// Where to submit what is to be written. Clones share one queue.
#[derive(Clone)]
pub struct Journal {
    queue: mpsc::Sender<Submission>,
}

impl Journal {
    /// Starts a journal before a store, and returns the task that ends once every clone is dropped and all is written.
    pub fn start(store: Store, metrics: Arc<JournalMetrics>) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, submissions) = mpsc::channel(QUEUE);
        (Self { queue }, run(store, submissions, metrics))
    }

    /// A journal whose submissions the caller takes out by itself.
    #[cfg(test)]
    pub fn by_hand() -> (Self, mpsc::Receiver<Submission>) {
        let (queue, submissions) = mpsc::channel(QUEUE);
        (Self { queue }, submissions)
    }

    /// Queues a write. Writes of one game are written in the order they are submitted.
    ///
    /// # Errors
    /// `Busy::Journal`, with the write: the queue is full. Nothing will be written.
    pub fn submit(&self, submission: Submission) -> Result<(), (Busy, Submission)> {
        self.queue.try_send(submission).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(submission) | mpsc::error::TrySendError::Closed(submission) => {
                (Busy::Journal, submission)
            }
        })
    }
}

async fn run(store: Store, mut submissions: mpsc::Receiver<Submission>, metrics: Arc<JournalMetrics>) {
    while let Some(first) = submissions.recv().await {
        let mut events = weight(&first.write);
        let (mut writes, mut waiting) = (vec![first.write], vec![first.then]);
        while events < BATCH_EVENTS
            && let Ok(submission) = submissions.try_recv()
        {
            events += weight(&submission.write);
            writes.push(submission.write);
            waiting.push(submission.then);
        }
        metrics.depth.set(i64::try_from(submissions.len()).unwrap_or(i64::MAX));
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        metrics.batch_events.observe(events as f64);

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
