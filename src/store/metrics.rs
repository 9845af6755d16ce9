//! What the durable store's work is measured by.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::{Cleaned, Write};

/// What the durable store is asked to do, as its metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    UpsertSession,
    LoadGame,
    AppendEvents,
    FetchEvents,
    Acknowledge,
    Prune,
    Heartbeat,
    Revoke,
    Cleanup,
}

impl Operation {
    const ALL: [Self; 9] = [
        Self::UpsertSession,
        Self::LoadGame,
        Self::AppendEvents,
        Self::FetchEvents,
        Self::Acknowledge,
        Self::Prune,
        Self::Heartbeat,
        Self::Revoke,
        Self::Cleanup,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::UpsertSession => "upsert_session",
            Self::LoadGame => "load_game",
            Self::AppendEvents => "append_events",
            Self::FetchEvents => "fetch_events",
            Self::Acknowledge => "acknowledge",
            Self::Prune => "prune",
            Self::Heartbeat => "heartbeat",
            Self::Revoke => "revoke",
            Self::Cleanup => "cleanup",
        }
    }
}

/// A set of operations that end together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Operations(u16);

impl Operations {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn just(operation: Operation) -> Self {
        Self(1 << operation as u16)
    }

    /// The operations that a batch of writes consists of. Changes that a backend makes to a game have no name.
    pub(super) fn of(batch: &[Write]) -> Self {
        batch.iter().fold(Self::NONE, |all, write| all.and(Self::of_write(write)))
    }

    fn of_write(write: &Write) -> Self {
        match write {
            Write::Append(_) => Self::just(Operation::AppendEvents),
            Write::TakeSeat { .. } => Self::just(Operation::UpsertSession),
            Write::Recall { .. } => Self::just(Operation::FetchEvents),
            Write::Marks { seats, floors, clocks: _ } => {
                let seats = if seats.is_empty() {
                    Self::NONE
                } else {
                    Self::just(Operation::Acknowledge).and(Self::just(Operation::Heartbeat))
                };
                let floors = if floors.is_empty() { Self::NONE } else { Self::just(Operation::Prune) };
                seats.and(floors)
            }
            Write::CreateGame(_)
            | Write::ChangeGame(_)
            | Write::PutClock(_)
            | Write::PutSummary { .. }
            | Write::DeleteGame { .. } => Self::NONE,
        }
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn contains(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u16) != 0
    }
}

/// Durations and errors of the durable store, one set for each operation, and what clean-ups removed.
pub struct StoreMetrics {
    /// In the order of [`Operation::ALL`].
    of_operations: [OperationMetrics; Operation::ALL.len()],
    removed_sessions: Counter,
    removed_games: Counter,
    removed_events: Counter,
}

struct OperationMetrics {
    succeeded: Histogram,
    failed: Histogram,
    errors: Counter,
}

type Labels<const COUNT: usize> = [(&'static str, &'static str); COUNT];

/// From 500 µs to 10 s.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl StoreMetrics {
    /// Registers the metrics, every label present from the start.
    pub fn register(registry: &mut Registry) -> Self {
        let durations =
            Family::<Labels<2>, Histogram, fn() -> Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        let errors = Family::<Labels<1>, Counter>::default();
        let of_operations = Operation::ALL.map(|operation| {
            let operation = ("operation", operation.as_str());
            OperationMetrics {
                succeeded: durations.get_or_create_owned(&[operation, ("status", "ok")]),
                failed: durations.get_or_create_owned(&[operation, ("status", "error")]),
                errors: errors.get_or_create_owned(&[operation]),
            }
        });
        registry.register(
            "game_session_db_duration_seconds",
            "Time the durable store took for an operation, waiting included",
            durations,
        );
        registry.register(
            "game_session_db_errors",
            "Operations that the durable store did not do, or may not have done",
            errors,
        );
        let removed = Family::<Labels<1>, Counter>::default();
        let of_kind = |kind| removed.get_or_create_owned(&[("kind", kind)]);
        let [removed_sessions, removed_games, removed_events] = ["session", "game", "event"].map(of_kind);
        registry.register("cleanup_removed", "What clean-ups removed from the durable store", removed);
        Self { of_operations, removed_sessions, removed_games, removed_events }
    }

    /// Notes that operations ended together.
    pub(super) fn observe(&self, operations: Operations, took: Duration, failed: bool) {
        let metrics = Operation::ALL.iter().zip(&self.of_operations);
        for (_, metrics) in metrics.filter(|(operation, _)| operations.contains(**operation)) {
            if failed {
                metrics.failed.observe(took.as_secs_f64());
                metrics.errors.inc();
            } else {
                metrics.succeeded.observe(took.as_secs_f64());
            }
        }
    }

    /// Counts what a clean-up removed.
    pub(super) fn removed(&self, cleaned: &Cleaned) {
        self.removed_sessions.inc_by(cleaned.sessions);
        self.removed_games.inc_by(cleaned.games.len() as u64);
        self.removed_events.inc_by(cleaned.events);
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::{
        domain::{Epoch, GameId, Sequence},
        store::Floor,
    };

    fn exposition(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn every_operation_is_there_before_anything_happened() {
        let mut registry = Registry::default();

        let _metrics = StoreMetrics::register(&mut registry);

        let text = exposition(&registry);
        for operation in Operation::ALL.map(Operation::as_str) {
            assert!(text.contains(&format!("game_session_db_errors_total{{operation=\"{operation}\"}} 0\n")), "{text}");
            for status in ["ok", "error"] {
                let count = format!(
                    "game_session_db_duration_seconds_count{{operation=\"{operation}\",status=\"{status}\"}} 0\n"
                );
                assert!(text.contains(&count), "{text}");
            }
        }
    }

    #[test]
    fn a_batch_is_every_operation_that_occurs_in_it() {
        let game_id = GameId::parse("g").unwrap();
        let floor = Floor { game_id, epoch: Epoch::generate(), seats_version: 0, floor: Sequence::ZERO };
        let delete = Write::DeleteGame { game_id: floor.game_id.clone(), epoch: floor.epoch };
        let marks = |floors| Write::Marks { seats: Vec::new(), floors, clocks: Vec::new() };

        assert_eq!(Operations::of(&[delete.clone(), marks(vec![floor])]), Operations::just(Operation::Prune));
        assert_eq!(Operations::of(&[delete, marks(Vec::new())]), Operations::NONE);
    }

    #[test]
    fn operations_that_end_together_are_observed_one_by_one() {
        let mut registry = Registry::default();
        let metrics = StoreMetrics::register(&mut registry);
        let both = Operations::just(Operation::AppendEvents).and(Operations::just(Operation::Cleanup));

        metrics.observe(both, Duration::from_millis(3), true);

        let text = exposition(&registry);
        for line in [
            r#"game_session_db_errors_total{operation="append_events"} 1"#,
            r#"game_session_db_errors_total{operation="cleanup"} 1"#,
            r#"game_session_db_errors_total{operation="heartbeat"} 0"#,
            r#"game_session_db_duration_seconds_count{operation="cleanup",status="error"} 1"#,
            r#"game_session_db_duration_seconds_count{operation="cleanup",status="ok"} 0"#,
            r#"game_session_db_duration_seconds_bucket{le="0.005",operation="cleanup",status="error"} 1"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn what_a_clean_up_removed_is_counted_by_its_kind() {
        let mut registry = Registry::default();
        let metrics = StoreMetrics::register(&mut registry);
        let games = vec![GameId::parse("g").unwrap()];

        metrics.removed(&Cleaned { sessions: 3, events: 8, unseated: Vec::new(), games });

        let text = exposition(&registry);
        for line in [
            r#"cleanup_removed_total{kind="session"} 3"#,
            r#"cleanup_removed_total{kind="game"} 1"#,
            r#"cleanup_removed_total{kind="event"} 8"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
