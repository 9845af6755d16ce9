//! How long sessions, events and games are kept.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;

use super::section::Section;
use super::values::{COUNT, MILLISECONDS, SECONDS, SECONDS_OR_ZERO, milliseconds, seconds, seconds_or_zero};
use super::variable::Variable;

/// The lifetimes that seats and games have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SessionSettings {
    /// `SESSION_TOKEN_TTL_SECONDS`, default 1800 s after the last sign of life.
    #[serde(rename = "session_token_ttl_seconds", deserialize_with = "seconds")]
    pub token_ttl: Duration,
    /// `ABSENT_PLAYER_SECONDS`, default 86400 s: how long an absent player's seat holds back pruning; 0 means not at all.
    #[serde(rename = "absent_player_seconds", deserialize_with = "seconds_or_zero")]
    pub absent_player: Duration,
    /// `SESSION_REPLAY_RETENTION`, default 50 events a game keeps in memory and in Redis.
    #[serde(rename = "session_replay_retention")]
    pub replay_retention: NonZeroUsize,
    /// `SESSION_CLEANUP_INTERVAL_MS`, default 300000 ms between two clean-ups.
    #[serde(rename = "session_cleanup_interval_ms", deserialize_with = "milliseconds")]
    pub cleanup_interval: Duration,
    /// `GAME_RETENTION_SECONDS`, default 604800 s: a game nobody touched that long is removed.
    #[serde(rename = "game_retention_seconds", deserialize_with = "seconds")]
    pub game_retention: Duration,
}

impl Section for SessionSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("SESSION_TOKEN_TTL_SECONDS", SECONDS).default("1800").reloads(),
        Variable::new("ABSENT_PLAYER_SECONDS", SECONDS_OR_ZERO).default("86400").reloads(),
        Variable::new("SESSION_REPLAY_RETENTION", COUNT).default("50").reloads(),
        Variable::new("SESSION_CLEANUP_INTERVAL_MS", MILLISECONDS).default("300000").reloads(),
        Variable::new("GAME_RETENTION_SECONDS", SECONDS).default("604800").reloads(),
    ];
}
