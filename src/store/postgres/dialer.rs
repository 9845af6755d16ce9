//! Making connections, and telling whether one may be used again.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection, pooled_connection::PoolableConnection};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::address::Address;

pub(super) type DialError = Box<dyn std::error::Error + Send + Sync>;

/// A connection that was in use a moment ago needs no asking: whatever ended since is noticed by its socket.
const FRESH: Duration = Duration::from_secs(1);

/// Dials a server for a pool.
pub(super) struct Dialer {
    address: Address,
    patience: Mutex<Patience>,
}

/// How long the server works on a statement: said to it as a connection is made.
#[derive(Clone, Copy)]
struct Patience {
    deadline: Duration,
    /// Connections from before were told another one.
    since: Instant,
}

impl Dialer {
    pub(super) fn new(address: Address, deadline: Duration) -> Self {
        Self { address, patience: Mutex::new(Patience { deadline, since: Instant::now() }) }
    }

    pub(super) fn set_deadline(&self, deadline: Duration) {
        *self.patience.lock() = Patience { deadline, since: Instant::now() };
    }
}

/// Makes one connection.
pub(super) async fn dial(Address { config, tls }: Address) -> Result<AsyncPgConnection, DialError> {
    let (client, connection) = config.connect(tls).await?;
    Ok(AsyncPgConnection::try_from_client_and_connection(client, connection).await?)
}

impl Manager for Dialer {
    type Type = AsyncPgConnection;
    type Error = DialError;

    async fn create(&self) -> Result<AsyncPgConnection, DialError> {
        let deadline = self.patience.lock().deadline;
        dial(self.address.clone().within(deadline)).await
    }

    async fn recycle(&self, connection: &mut AsyncPgConnection, metrics: &Metrics) -> RecycleResult<DialError> {
        if connection.is_broken() {
            return Err(RecycleError::message("it is closed"));
        }
        if metrics.created < self.patience.lock().since.into_std() {
            return Err(RecycleError::message("its statements have another deadline"));
        }
        if metrics.last_used() > FRESH {
            connection.batch_execute("").await.map_err(|error| RecycleError::Backend(error.into()))?;
        }
        Ok(())
    }
}
