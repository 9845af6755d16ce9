//! Counts what is logged about the Redis tier that should not be, so that a query can tell that nothing was.

use std::fmt;

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

/// Warnings and errors about the Redis tier. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct RedisWarnings(Counter);

impl RedisWarnings {
    /// Registers the counter.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("redis_log_warnings", "Warnings and errors logged about the Redis tier", self.0.clone());
    }

    /// How many there were.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.0.get()
    }
}

impl<S: Subscriber> Layer<S> for RedisWarnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() > Level::WARN {
            return;
        }
        let mut about = AboutRedis(false);
        event.record(&mut about);
        if about.0 {
            self.0.inc();
        }
    }
}

/// Whether an event's `context` is the Redis tier.
struct AboutRedis(bool);

impl Visit for AboutRedis {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 |= field.name() == "context" && value == CONTEXT;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

const CONTEXT: &str = "GameSessionRegistryRedis";
