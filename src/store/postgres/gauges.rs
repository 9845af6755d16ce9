//! What the pool looks like at a scrape.

use std::fmt;

use deadpool::managed::WeakPool;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};

use super::dialer::Dialer;

/// Reads a pool's gauges off the pool.
pub(super) struct PoolGauges(pub(super) WeakPool<Dialer>);

impl Collector for PoolGauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Some(pool) = self.0.upgrade() else { return Ok(()) };
        let status = pool.status();
        for (name, help, number) in [
            ("db_pool_size", "Connections to the durable store", status.size),
            ("db_pool_available", "Connections to the durable store that nobody uses", status.available),
            ("db_pool_pending", "Calls that wait for a connection to the durable store", status.waiting),
        ] {
            let gauge = ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for PoolGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoolGauges")
    }
}
