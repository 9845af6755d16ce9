//! A connection on loan for one call, and what its failures mean.

use std::time::Duration;

use deadpool::managed::Object;
use diesel::{
    QueryResult,
    result::{DatabaseErrorKind, Error},
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::time::{Instant, timeout, timeout_at};

use super::dialer::Dialer;
use crate::store::{StoreError, sql::failure::Failure};

/// How long a connection may take to show that it survived an error.
const RECOVERY: Duration = Duration::from_millis(200);

/// A connection on loan. One that did not answer in time, or is in no known state, does not go back to its pool.
pub(super) struct Lent {
    /// Here until it fails.
    connection: Option<Object<Dialer>>,
    until: Instant,
}

impl Lent {
    pub(super) fn new(connection: Object<Dialer>, until: Instant) -> Self {
        Self { connection: Some(connection), until }
    }

    /// Reads, in one statement.
    pub(super) async fn read<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.attempt(work).await.map_err(|broken| StoreError::Unavailable(broken.error.to_string()))
    }

    /// Reads several things as they are at one moment.
    pub(super) async fn read_moment<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.read(async |connection| {
            connection.batch_execute("begin isolation level repeatable read read only").await?;
            let result = work(connection).await?;
            connection.batch_execute("commit").await?;
            Ok(result)
        })
        .await
    }

    /// Writes in one statement, which is committed by itself.
    pub(super) async fn statement<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> Result<T, Failure> {
        self.attempt(work).await.map_err(|broken| match broken.session {
            // Whoever lives to tell of an error has not committed.
            Session::Alive => Failure::Before(broken.error),
            Session::Lost => Failure::AtCommit(broken.error),
        })
    }

    /// Writes in several statements, which are committed together.
    pub(super) async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> Result<T, Failure> {
        let worked = self.attempt(async |connection| {
            connection.batch_execute("begin").await?;
            work(connection).await
        });
        let result = worked.await.map_err(|broken| Failure::Before(broken.error))?;
        let committed = self.attempt(async |connection| connection.batch_execute("commit").await);
        committed.await.map_err(|broken| Failure::AtCommit(broken.error))?;
        Ok(result)
    }

    async fn attempt<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> Result<T, Broken> {
        let Some(mut connection) = self.connection.take() else { return Err(Broken::lost("the connection is lost")) };
        match timeout_at(self.until, work(&mut connection)).await {
            Ok(Ok(result)) => {
                self.connection = Some(connection);
                Ok(result)
            }
            Ok(Err(error)) => {
                // Ends the transaction, if there is one, and asks whether anybody is there.
                let recovered = timeout(RECOVERY, connection.batch_execute("rollback")).await;
                if matches!(recovered, Ok(Ok(()))) {
                    self.connection = Some(connection);
                    return Err(Broken { error, session: Session::Alive });
                }
                drop(Object::take(connection));
                Err(Broken { error, session: Session::Lost })
            }
            Err(_) => {
                drop(Object::take(connection));
                Err(Broken::lost("no answer in time"))
            }
        }
    }
}

/// How an attempt failed.
struct Broken {
    error: Error,
    session: Session,
}

enum Session {
    Alive,
    Lost,
}

impl Broken {
    fn lost(why: &str) -> Self {
        let error = Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(why.to_owned()));
        Self { error, session: Session::Lost }
    }
}
