//! The one thread that writes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use diesel::{QueryResult, SqliteConnection};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::connection::{Connections, unavailable};
use crate::store::{StoreError, sql::failure::Failure};

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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, time::Duration};

    use diesel::{connection::SimpleConnection, dsl::sql, prelude::*, sql_types::BigInt};
    use tempfile::TempDir;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::store::sqlite::connection::{Database, Role};

    fn start(queue: usize) -> (TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::at(&folder.path().join("games.db"), Duration::ZERO).unwrap();
        database.create().unwrap().batch_execute("create table note (text)").unwrap();
        (folder, Writer::start(Connections::new(database, Role::Write), queue).unwrap())
    }

    fn note(connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let long = "insert into note values (zeroblob(10000))";
        Ok(in_transaction(connection, |connection| connection.batch_execute(long))?)
    }

    fn count(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
        diesel::select(sql::<BigInt>("(select count(*) from note)")).get_result(connection).map_err(unavailable)
    }

    #[tokio::test]
    async fn work_is_done_even_if_its_caller_gives_up() {
        let (_folder, writer) = start(9);

        let (release, held) = channel::<()>();
        let slow = writer.run(move |connection| {
            let _ = held.recv();
            note(connection)
        });

        assert!(timeout(Duration::from_millis(20), slow).await.is_err());
        release.send(()).unwrap();

        assert_eq!(writer.run(count).await, Ok(1));
    }

    #[tokio::test]
    async fn more_work_than_the_queue_holds_is_refused() {
        let (_folder, writer) = start(1);
        let (release, held) = channel::<()>();
        let at_work = writer.run(move |_| Ok(held.recv().is_ok()));
        let waiting = async {
            sleep(Duration::from_millis(50)).await;
            writer.run(note).await
        };
        let one_too_many = async {
            sleep(Duration::from_millis(100)).await;
            let refused = writer.run(note).await;
            release.send(()).unwrap();
            refused
        };

        let (at_work, waiting, one_too_many) = tokio::join!(at_work, waiting, one_too_many);

        assert_eq!((at_work, waiting), (Ok(true), Ok(())));
        assert!(matches!(one_too_many, Err(StoreError::Unavailable(_))), "{one_too_many:?}");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_forgotten() {
        let (_folder, writer) = start(9);
        let no_room = |connection: &mut SqliteConnection| {
            connection.batch_execute("pragma max_page_count = 1").map_err(unavailable)
        };
        writer.run(no_room).await.unwrap();

        let full = writer.run(note).await;

        assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
        assert_eq!(writer.run(note).await, Ok(()), "on a new connection");
        assert_eq!(writer.run(count).await, Ok(1));
    }

    #[tokio::test]
    async fn a_commit_that_breaks_off_is_unknown() {
        let (_folder, writer) = start(9);
        let setup = "pragma foreign_keys = on; create table parent (id integer primary key);
                     create table child (parent references parent (id) deferrable initially deferred)";
        writer.run(|connection| connection.batch_execute(setup).map_err(unavailable)).await.unwrap();

        let orphan = |connection: &mut SqliteConnection| {
            Ok(in_transaction(connection, |connection| connection.batch_execute("insert into child values (1)"))?)
        };
        let broken_off = writer.run(orphan).await;

        assert!(matches!(broken_off, Err(StoreError::Unknown(_))), "{broken_off:?}");
    }

    #[tokio::test]
    async fn work_that_panics_is_unknown_and_the_writer_goes_on() {
        let (_folder, writer) = start(9);

        let broken: Result<(), _> = writer.run(|_| panic!("as the test wants it")).await;

        assert!(matches!(broken, Err(StoreError::Unknown(_))), "{broken:?}");
        assert_eq!(writer.run(note).await, Ok(()));
    }
}
