//! The connections to Redis, and the one way to ask it anything: within a deadline, past the breaker.

use std::{future::Future, time::Duration};

use deadpool::{
    Runtime,
    managed::{Object, Pool, QueueMode, Timeouts, WeakPool},
};
use redis::{Cmd, RedisResult, Value};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use super::{
    OpenOptions, PoolStatus, RedisError, RedisMetrics, connection::Connection, dialer::Dialer, metrics::Purpose,
};
use crate::store::{Breaker, BreakerState, pool::tend};

/// How long the connections that are kept warm may take to come up. Calls have less.
const WARMING: Duration = Duration::from_secs(1);

/// A pool of connections, the breaker before it, and the runtime that they live in. Clones are the same.
#[derive(Clone)]
pub(super) struct Connections {
    pool: Pool<Dialer>,
    breaker: Breaker,
    metrics: RedisMetrics,
    runtime: Handle,
    timeout: Duration,
}

impl Connections {
    /// Sets up a pool, which dials by itself.
    ///
    /// # Errors
    /// `Url`: one says nothing.
    pub(super) fn new(
        options: &OpenOptions,
        breaker: Breaker,
        metrics: RedisMetrics,
        runtime: Handle,
    ) -> Result<Self, RedisError> {
        let waits = Timeouts { wait: Some(options.timeout), create: Some(WARMING), recycle: Some(options.timeout) };
        let pool = Pool::builder(Dialer::new(&options.place, options.timeout)?)
            .max_size(options.pool_max.max(1))
            .timeouts(waits)
            // Those in use are warm; the others can go.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| RedisError::Unavailable(error.to_string()))?;
        runtime.spawn(tend(pool.weak(), options.pool_min));
        Ok(Self { pool, breaker, metrics, runtime, timeout: options.timeout })
    }

    /// Sends groups of commands and returns the answers of each, as [`Connection::ask`] does. Some answers may be
    /// refusals of the server; where all are, the call has failed.
    ///
    /// # Errors
    /// `Resting`, `Unavailable`.
    pub(super) async fn ask(&self, purpose: Purpose, groups: Vec<Vec<Cmd>>) -> Result<Vec<Vec<Value>>, RedisError> {
        let asking = async move |mut connection: Connection| {
            let answers = connection.ask(groups).await?;
            if answers.iter().flatten().all(|answer| matches!(answer, Value::ServerError(_)))
                && let Some(refusal) = answers.iter().flatten().next()
            {
                refusal.clone().extract_error()?;
            }
            Ok(answers)
        };
        self.call(purpose, self.timeout, asking).await
    }

    /// Shows that Redis answers, in a cluster every master.
    ///
    /// # Errors
    /// `Resting`, `Unavailable`.
    pub(super) async fn ping(&self) -> Result<(), RedisError> {
        self.call(Purpose::Ping, self.timeout, async move |mut connection: Connection| connection.ping().await).await
    }

    /// Does work on a connection, to its end or its deadline, even if nobody waits for it any more.
    ///
    /// # Errors
    /// `Resting`: the breaker is open. `Unavailable`: no connection, no answer in time, or the work's own error.
    pub(super) async fn call<T, F>(
        &self,
        purpose: Purpose,
        within: Duration,
        work: impl FnOnce(Connection) -> F + Send + 'static,
    ) -> Result<T, RedisError>
    where
        T: Send + 'static,
        F: Future<Output = RedisResult<T>> + Send,
    {
        let permit = self.breaker.admit()?;
        let connections = self.clone();
        let task = self.runtime.spawn(async move {
            let began = Instant::now();
            let result = connections.attempt(began + within, work).await;
            connections.metrics.latency(purpose).observe(began.elapsed().as_secs_f64());
            permit.ended(&result);
            result
        });
        task.await.unwrap_or_else(|broken| Err(RedisError::Unavailable(broken.to_string())))
    }

    async fn attempt<T, F>(&self, until: Instant, work: impl FnOnce(Connection) -> F) -> Result<T, RedisError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let unavailable = |why: String| Err(RedisError::Unavailable(why));
        let lent = match timeout_at(until, self.pool.get()).await {
            Ok(Ok(lent)) => lent,
            Ok(Err(error)) => return unavailable(format!("no connection: {error}")),
            Err(_) => return unavailable("no connection in time".to_owned()),
        };
        // A connection that failed, or still owes an answer, does not go back to its pool.
        match timeout_at(until, work(Connection::clone(&lent))).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                drop(Object::take(lent));
                if error.is_io_error() && !error.is_timeout() {
                    // What ended this one has ended those that nobody uses too.
                    self.pool.retain(|_, _| false);
                }
                unavailable(error.to_string())
            }
            Err(_) => {
                drop(Object::take(lent));
                unavailable("no answer in time".to_owned())
            }
        }
    }

    /// Whether calls go through.
    pub(super) fn are_in_use(&self) -> bool {
        self.breaker.state() == BreakerState::Closed
    }

    /// Does something beside the calls.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    pub(super) fn pool(&self) -> WeakPool<Dialer> {
        self.pool.weak()
    }

    pub(super) fn status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus { size: status.size, available: status.available, pending: status.waiting }
    }
}
