//! What an operator can set: every variable the service reads, checked and typed, before anything starts.
//!
//! Owns names, defaults, layers and the messages about bad values. One flat struct a concern, filled by `envy`; each
//! field's doc names its variable, default and unit. What the values mean is for the layers that use them.
//!
//! From lowest to highest: built-in defaults, `config/default.env`, `config/<APP_ENV>.env`, the file named by
//! `CONFIG_FILE`, the process environment. An empty value counts as not set. Files may be read again while the service
//! runs; the process environment, and what it overrules, stays.

mod app_env;
mod auth;
mod breaker;
mod connection_url;
mod development;
mod heartbeat;
mod in_force;
mod limits;
mod listen;
mod logging;
mod machine;
mod problem;
mod reading;
mod redis;
mod reloading;
mod secret;
mod section;
mod session;
mod shard;
mod source;
mod store;
mod values;
mod variable;

pub use app_env::AppEnv;
pub use auth::{AllowedOrigins, AuthSettings};
pub use breaker::BreakerSettings;
pub use connection_url::ConnectionUrl;
pub use development::FirstStart;
pub use heartbeat::HeartbeatSettings;
pub use in_force::{InForce, table};
pub use limits::LimitSettings;
pub use listen::ListenSettings;
pub use logging::{LogFormat, LogLevel, LoggingSettings};
pub use problem::{Problem, Problems};
pub use redis::{RedisAddress, RedisNamespace, RedisSettings};
pub use reloading::{Change, Reloaded};
pub use secret::{Secret, Secrets};
pub use session::SessionSettings;
pub use shard::ShardSettings;
pub use source::{Layers, Origin};
pub use store::{DatabaseUrl, StoreSettings};
pub use values::Percent;

/// Everything the service was told, all of it valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `APP_ENV`, else `NODE_ENV`, default development.
    pub app_env: AppEnv,
    /// Where it listens, and how long it takes to stop.
    pub listen: ListenSettings,
    /// Who may call, and what tokens are signed with.
    pub auth: AuthSettings,
    /// The durable store.
    pub store: StoreSettings,
    /// The Redis tier before it.
    pub redis: RedisSettings,
    /// When a failing store is left alone for a while.
    pub breaker: BreakerSettings,
    /// How long sessions, events and games are kept.
    pub session: SessionSettings,
    /// How games are spread over cores and memory.
    pub shard: ShardSettings,
    /// What one caller may take.
    pub limits: LimitSettings,
    /// What happens at intervals on every connection.
    pub heartbeat: HeartbeatSettings,
    /// What is logged, and how.
    pub logging: LoggingSettings,
    effective: section::Effective,
}
