//! Making connections, and telling whether one may be used again.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection, pooled_connection::PoolableConnection};

use super::address::Address;

pub(super) type DialError = Box<dyn std::error::Error + Send + Sync>;

/// A connection that was in use a moment ago needs no asking: whatever ended since is noticed by its socket.
const FRESH: Duration = Duration::from_secs(1);

/// Dials a server for a pool.
pub(super) struct Dialer(pub(super) Address);

impl Dialer {
    pub(super) async fn dial(&self) -> Result<AsyncPgConnection, DialError> {
        let (client, connection) = self.0.config.connect(self.0.tls.clone()).await?;
        Ok(AsyncPgConnection::try_from_client_and_connection(client, connection).await?)
    }
}

impl Manager for Dialer {
    type Type = AsyncPgConnection;
    type Error = DialError;

    async fn create(&self) -> Result<AsyncPgConnection, DialError> {
        self.dial().await
    }

    async fn recycle(&self, connection: &mut AsyncPgConnection, metrics: &Metrics) -> RecycleResult<DialError> {
        if connection.is_broken() {
            return Err(RecycleError::message("it is closed"));
        }
        if metrics.last_used() > FRESH {
            connection.batch_execute("").await.map_err(|error| RecycleError::Backend(error.into()))?;
        }
        Ok(())
    }
}
