//! The connections to one server.

use std::{future::Future, time::Duration};

use deadpool::{
    Runtime,
    managed::{Pool, PoolError, QueueMode, Timeouts, WeakPool},
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use super::{
    address::{Address, with_causes},
    dialer::{DialError, Dialer},
    lent::Lent,
    tier::OpenOptions,
};
use crate::store::{Deadline, StoreError, pool::tend};

/// How long calls wait for each thing that may hold a connection up. The pool's defaults are for ever.
const WAITS: Timeouts = Timeouts {
    wait: Some(Duration::from_millis(200)),
    create: Some(Duration::from_secs(1)),
    recycle: Some(Duration::from_millis(200)),
};

/// A pool of connections, and the runtime that they live in.
pub(super) struct Database {
    pool: Pool<Dialer>,
    runtime: Handle,
    deadline: Deadline,
}

impl Database {
    /// Sets up a pool, which dials by itself.
    pub(super) fn new(address: Address, options: &OpenOptions, runtime: Handle) -> Result<Self, StoreError> {
        let pool = Pool::builder(Dialer::new(address, options.deadline))
            .max_size(options.pool_max.max(1))
            .timeouts(WAITS)
            // Those in use are warm; the others can go.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        runtime.spawn(tend(pool.weak(), options.pool_min));
        Ok(Self { pool, runtime, deadline: Deadline::new(options.deadline) })
    }

    /// Does work on a connection, to its end, even if nobody waits for it any more: a connection that was left in the
    /// middle would hold its locks.
    ///
    /// # Errors
    /// `Unavailable` without a connection; whatever the work returns; `Unknown` where it ended without an answer.
    pub(super) async fn run<T, F>(&self, work: impl FnOnce(Lent) -> F + Send + 'static) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let until = Instant::now() + self.deadline.get();
        let pool = self.pool.clone();
        let task = self.runtime.spawn(async move {
            let connection = match timeout_at(until, pool.get()).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return Err(StoreError::Unavailable(format!("no connection: {}", why(&error)))),
                Err(_) => return Err(StoreError::Unavailable("no connection in time".to_owned())),
            };
            work(Lent::new(connection, until)).await
        });
        task.await.unwrap_or_else(|broken| Err(StoreError::Unknown(broken.to_string())))
    }

    /// Does something beside the calls.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Sets how long work may take from now on.
    pub(super) fn set_deadline(&self, deadline: Duration) {
        if deadline != self.deadline.get() {
            self.deadline.set(deadline);
            self.pool.manager().set_deadline(deadline);
        }
    }

    pub(super) fn pool(&self) -> WeakPool<Dialer> {
        self.pool.weak()
    }
}

fn why(error: &PoolError<DialError>) -> String {
    match error {
        PoolError::Backend(error) => with_causes(&**error),
        PoolError::Timeout(_) | PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            error.to_string()
        }
    }
}
