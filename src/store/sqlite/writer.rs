//! The one thread that writes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use diesel::{QueryResult, SqliteConnection, result::Error};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::connection::{Connections, unavailable};
use crate::store::StoreError;

type Job = Box<dyn FnOnce(&Connections) + Send>;

/// Hands work to the writing thread.
pub(super) struct Writer {
    /// Here until the drop.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. At most `queue` pieces of work wait for it.
    pub(super) fn start(connections: Connections, queue: usize) -> Result<Self, StoreError> {
        let (jobs, mut queued) = mpsc::channel::<Job>(queue.max(1));
        let serve = move || {
            while let Some(job) = queued.blocking_recv() {
                // Whoever waits for the job learns of its panic by getting no answer.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&connections)));
            }
        };
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(serve).map_err(unavailable)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has work done after all that was asked before. It is done even if nobody waits for it any more.
    ///
    /// # Errors
    /// `Unavailable` where the queue is full; whatever the work returns; `Unknown` where it ended without an answer.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connections| {
            // The caller may have given up waiting.
            let _ = reply.send(connections.lend(work));
        });
        let jobs = self.jobs.as_ref().ok_or_else(|| unavailable("the writer has stopped"))?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => unavailable("too many writes are waiting"),
            TrySendError::Closed(_) => unavailable("the writer has stopped"),
        })?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unknown("the writer broke off".to_owned())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread does what is queued, and ends.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Why a transaction was not committed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it was written.
    Before(Error),
    /// It broke off at the commit itself.
    AtCommit(Error),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Before(error) => StoreError::Unavailable(error.to_string()),
            Failure::AtCommit(error) => StoreError::Unknown(error.to_string()),
        }
    }
}

/// Does work in a transaction that excludes every other writer from its start.
pub(super) fn in_transaction<T>(
    connection: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
) -> Result<T, Failure> {
    let mut done = false;
    let result = connection.immediate_transaction(|connection| {
        let result = work(connection)?;
        done = true;
        Ok(result)
    });
    result.map_err(|error| if done { Failure::AtCommit(error) } else { Failure::Before(error) })
}
