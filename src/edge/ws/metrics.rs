//! What is counted about connections. Labels are resolved once.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{
    domain::{Farewell, Role},
    shard::{messages::Source, metrics::Backpressure},
    telemetry::buckets,
    wire::close_code::Closing,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RoleLabel {
    role: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabel {
    direction: &'static str,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: u16,
}

/// What kind of message was sent or received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Event,
    Ack,
    Replay,
    Presence,
    Time,
    Error,
    Other,
}

const KINDS: [&str; 7] = ["event", "ack", "replay", "presence", "time", "error", "other"];
/// Close codes that come from a client, or from the way a connection was lost: counted under one code.
const LOST: u16 = 1006;

/// What is counted about connections.
pub struct WsMetrics {
    players: Gauge,
    spectators: Gauge,
    pub resumed: Counter,
    pub new_session: Counter,
    pub not_recovered: Counter,
    invalid_token: Counter,
    invalid_tokens: Counter,
    from_memory: Histogram,
    from_redis: Histogram,
    from_store: Histogram,
    pub replay_events: Histogram,
    received: [Counter; 7],
    sent: [Counter; 7],
    closes: Family<CodeLabel, Counter>,
    pub over_connections: Counter,
    pub over_rate: Counter,
}

impl WsMetrics {
    /// Registers the metrics of connections.
    #[must_use]
    pub fn register(registry: &mut Registry, backpressure: &Backpressure) -> Self {
        let connections = Family::<RoleLabel, Gauge>::default();
        registry.register("ws_connections", "Open connections", connections.clone());
        let attempts = Family::<OutcomeLabel, Counter>::default();
        registry.register("ws_resume_attempts", "Connections that came, by what became of them", attempts.clone());
        let invalid_tokens = Counter::default();
        registry.register("ws_resume_invalid_token", "Resume tokens refused", invalid_tokens.clone());
        let duration =
            Family::<SourceLabel, Histogram>::new_with_constructor(|| Histogram::new(buckets::from_500_microseconds()));
        registry.register(
            "ws_resume_duration_seconds",
            "Time from the upgrade to the last replayed frame's being handed to the socket",
            duration.clone(),
        );
        let replay_events =
            Histogram::new([0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 10_000.0]);
        registry.register("ws_replay_events", "Events replayed to one connection", replay_events.clone());
        let messages = Family::<MessageLabel, Counter>::default();
        registry.register("ws_messages", "Messages received and sent", messages.clone());
        let closes = Family::<CodeLabel, Counter>::default();
        registry.register(
            "ws_closes",
            "Connections that ended, by close code; 1006 is one that was lost",
            closes.clone(),
        );

        let ours = Farewell::ALL.into_iter().map(|why| Closing::from(why).code);
        ours.chain([LOST]).for_each(|code| drop(closes.get_or_create(&CodeLabel { code })));
        let counters = |direction| KINDS.map(|kind| messages.get_or_create_owned(&MessageLabel { direction, kind }));
        let role = |role: Role| connections.get_or_create_owned(&RoleLabel { role: role.as_str() });
        let source = |source| duration.get_or_create_owned(&SourceLabel { source });
        let outcome = |outcome| attempts.get_or_create_owned(&OutcomeLabel { outcome });
        Self {
            players: role(Role::Player),
            spectators: role(Role::Spectator),
            resumed: outcome("resumed"),
            new_session: outcome("new_session"),
            not_recovered: outcome("not_recovered"),
            invalid_token: outcome("invalid_token"),
            invalid_tokens,
            from_memory: source("memory"),
            from_redis: source("redis"),
            from_store: source("store"),
            replay_events,
            received: counters("in"),
            sent: counters("out"),
            closes,
            over_connections: backpressure.reason("connections"),
            over_rate: backpressure.reason("rate_limited"),
        }
    }

    /// The gauge of connections in a role.
    #[must_use]
    pub fn connections(&self, role: Role) -> &Gauge {
        match role {
            Role::Player => &self.players,
            Role::Spectator => &self.spectators,
        }
    }

    /// How long a resume took, by where the game was found.
    #[must_use]
    pub fn resume_seconds(&self, source: Source) -> &Histogram {
        match source {
            Source::Memory => &self.from_memory,
            Source::Redis => &self.from_redis,
            Source::Store => &self.from_store,
        }
    }

    /// Counts a message from a client.
    pub fn count_in(&self, kind: Kind) {
        self.received[kind as usize].inc();
    }

    /// Counts a message to a client.
    pub fn count_out(&self, kind: Kind) {
        self.sent[kind as usize].inc();
    }

    /// Counts a resume token that was refused.
    pub fn count_invalid_token(&self) {
        self.invalid_token.inc();
        self.invalid_tokens.inc();
    }

    /// Counts a connection that ended; `None` for one that was lost or closed by its client.
    pub fn count_close(&self, why: Option<Farewell>) {
        let code = why.map_or(LOST, |why| Closing::from(why).code);
        self.closes.get_or_create(&CodeLabel { code }).inc();
    }
}
