//! What pools of connections have in common, whatever they are connected to.
//!
//! Owns keeping some connections warm and telling how many there are. How to connect is the pool's manager's to know.

use std::{fmt, time::Duration};

use deadpool::{
    Status,
    managed::{Manager, WeakPool},
};
use futures_util::future::join_all;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};
use tokio::time::interval;

/// How often the pool is looked after.
const TENDED: Duration = Duration::from_secs(5);
/// Connections beyond the least number are closed when nobody needed them for so long.
const IDLE: Duration = Duration::from_mins(1);

/// Keeps some connections warm and lets others go, for as long as there is a pool.
pub(super) async fn tend<M: Manager>(pool: WeakPool<M>, least: usize) {
    let mut turns = interval(TENDED);
    loop {
        turns.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        let Status { mut size, .. } = pool.status();
        pool.retain(|_, metrics| {
            let keep = size <= least || metrics.last_used() < IDLE;
            size -= usize::from(!keep);
            keep
        });
        if size < least {
            // Held at the same time, or they would all be one. A server that is not there is told of by those who
            // need it.
            drop(join_all((0..least).map(|_| pool.get())).await);
        }
    }
}

/// Reads a pool's gauges off the pool at each scrape.
pub(super) struct PoolGauges<M: Manager> {
    pub(super) pool: WeakPool<M>,
    /// What the gauges' names begin with: `db_pool`.
    pub(super) prefix: &'static str,
    /// Whom the connections lead to: `the durable store`.
    pub(super) server: &'static str,
}

impl<M: Manager + 'static> Collector for PoolGauges<M> {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Some(pool) = self.pool.upgrade() else { return Ok(()) };
        let (status, Self { prefix, server, .. }) = (pool.status(), self);
        for (name, help, number) in [
            ("size", format!("Connections to {server}"), status.size),
            ("available", format!("Connections to {server} that nobody uses"), status.available),
            ("pending", format!("Calls that wait for a connection to {server}"), status.waiting),
        ] {
            let gauge = ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
            let name = format!("{prefix}_{name}");
            gauge.encode(encoder.encode_descriptor(&name, &help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

impl<M: Manager> fmt::Debug for PoolGauges<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolGauges({})", self.prefix)
    }
}
