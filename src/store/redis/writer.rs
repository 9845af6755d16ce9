//! Brings writes to Redis, as many at a time as have come together.
//!
//! What fails is counted and not tried again: whoever reads finds the cache stale, and repairs it.

use std::mem::take;

use redis::Value;

use super::{
    CacheWrite, RedisError,
    complaint::Complaint,
    connections::Connections,
    metrics::Purpose,
    plan::{Group, Planner},
    queue::Waiting,
};
use crate::store::{CacheOperation, CacheTier, RegistryMetrics};

/// What goes over the line at a time, so that it arrives within a call's deadline.
const MOST_BYTES: usize = 1 << 20;

/// Writes what waits.
pub(super) struct Writer {
    pub(super) waiting: Waiting,
    pub(super) planner: Planner,
    pub(super) connections: Connections,
    pub(super) registry_metrics: RegistryMetrics,
    pub(super) complaint: Complaint,
}

impl Writer {
    /// Writes until nobody has anything to write any more.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.waiting.next().await {
            self.write(batch).await;
        }
    }

    async fn write(&self, batch: Vec<CacheWrite>) {
        let (mut together, mut bytes) = (Vec::new(), 0);
        for group in self.planner.plan(batch) {
            if bytes > 0 && bytes + group.bytes > MOST_BYTES {
                self.send(take(&mut together)).await;
                bytes = 0;
            }
            bytes += group.bytes;
            together.push(group);
        }
        if !together.is_empty() {
            self.send(together).await;
        }
    }

    async fn send(&self, groups: Vec<Group>) {
        let (commands, operations): (Vec<_>, Vec<_>) =
            groups.into_iter().map(|group| (group.commands, group.operations)).unzip();
        match self.connections.ask(Purpose::Write, commands).await {
            Ok(answers) => {
                for (answers, operations) in answers.iter().zip(&operations) {
                    match answers.iter().find_map(refusal) {
                        None => self.done(operations),
                        Some(why) => self.failed(operations, &why),
                    }
                }
            }
            // The breaker has told.
            Err(RedisError::Resting(_)) => {}
            Err(error @ (RedisError::Unavailable(_) | RedisError::Url(_))) => {
                self.failed(&operations.concat(), &error.to_string());
            }
        }
    }

    fn done(&self, operations: &[CacheOperation]) {
        for operation in operations {
            self.registry_metrics.hit(*operation, CacheTier::Redis, 1);
        }
    }

    fn failed(&self, operations: &[CacheOperation], error: &str) {
        for operation in operations {
            self.registry_metrics.failed(*operation, 1);
        }
        if self.complaint.is_due() {
            tracing::warn!(context = "GameSessionRegistryRedis", error, "Redis was not written to");
        }
    }
}

/// What the server refused, be it in a transaction.
fn refusal(answer: &Value) -> Option<String> {
    match answer {
        Value::ServerError(error) => Some(error.to_string()),
        Value::Array(answers) => answers.iter().find_map(refusal),
        _ => None,
    }
}
