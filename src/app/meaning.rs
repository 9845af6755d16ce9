//! What the settings mean for each part, at the start and whenever they are read again.

use crate::{
    settings::{AppEnv, BreakerSettings, Settings},
    shard::{core::Rules, janitor::Schedule},
    store::{BreakerLimits, Retention},
};

/// The rules of every shard.
pub(crate) fn rules(settings: &Settings) -> Rules {
    Rules {
        retention: settings.session.replay_retention.get(),
        token_ttl: settings.session.token_ttl,
        absent_after: settings.session.absent_player,
        open_games: settings.auth.open_games,
        create_on_join: settings.app_env == AppEnv::Development,
        heartbeat_flush: settings.heartbeat.flush_interval,
        silence: settings.heartbeat.interval + settings.heartbeat.flush_interval,
        clock_broadcast: settings.heartbeat.clock_broadcast_interval,
    }
}

/// A shard's share of the memory, in bytes.
pub(crate) fn budget_bytes(settings: &Settings) -> usize {
    settings.shard.memory_budget_bytes.get() / settings.shard.shards.get()
}

/// The limits of every circuit breaker.
pub(crate) fn breaker_limits(settings: &Settings) -> BreakerLimits {
    let BreakerSettings { error_percent, min_calls, reset_after } = settings.breaker;
    BreakerLimits { error_percent: error_percent.as_u8(), min_calls, reset_after }
}

/// What is cleaned up, and how often.
pub(crate) fn clean_up(settings: &Settings) -> Schedule {
    let session = &settings.session;
    let keep = Retention { absent_after: session.absent_player, untouched_for: session.game_retention };
    Schedule { keep, every: session.cleanup_interval }
}
