//! What is known about each variable besides its type: name, default, what a value must be, who may see it.

use super::app_env::{AppEnv, SELECTORS};
use super::auth::AuthSettings;
use super::breaker::BreakerSettings;
use super::heartbeat::HeartbeatSettings;
use super::limits::LimitSettings;
use super::listen::ListenSettings;
use super::logging::LoggingSettings;
use super::redis::RedisSettings;
use super::section::Section;
use super::session::SessionSettings;
use super::shard::ShardSettings;
use super::store::StoreSettings;

/// One variable of the contract.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variable {
    pub name: &'static str,
    /// What a good value is, to follow "expected".
    pub expected: &'static str,
    pub built_in: BuiltIn,
    pub exposure: Exposure,
    /// Whether a running service takes a new value on SIGHUP.
    pub reloads: bool,
}

/// The value a variable has when nobody sets it.
#[derive(Clone, Copy, Debug)]
pub(super) enum BuiltIn {
    /// None, and none is needed.
    Unset,
    /// The same everywhere.
    Always(&'static str),
    /// Another in each environment.
    ByEnvironment { development: &'static str, staging: &'static str, production: &'static str },
    /// This in development; it must be set elsewhere.
    InDevelopment(&'static str),
    /// A secret made at the first start in development; it must be set elsewhere.
    MadeInDevelopment,
    /// Found out on this machine.
    OfTheMachine(fn() -> String),
}

/// How much of a value may be shown to an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposure {
    /// All of it.
    Plain,
    /// All but its password, and nothing of it where it is bad.
    Url,
    /// Nothing.
    Secret,
}

impl Variable {
    /// Starts the description of a variable without default, shown in full, read at start alone.
    pub(super) const fn new(name: &'static str, expected: &'static str) -> Self {
        Self { name, expected, built_in: BuiltIn::Unset, exposure: Exposure::Plain, reloads: false }
    }

    pub(super) const fn default(self, value: &'static str) -> Self {
        self.built_in(BuiltIn::Always(value))
    }

    pub(super) const fn built_in(mut self, built_in: BuiltIn) -> Self {
        self.built_in = built_in;
        self
    }

    pub(super) const fn exposed(mut self, exposure: Exposure) -> Self {
        self.exposure = exposure;
        self
    }

    pub(super) const fn reloads(mut self) -> Self {
        self.reloads = true;
        self
    }

    /// Returns the value it has in `app_env` when nobody sets it.
    pub(super) fn default_in(&self, app_env: AppEnv) -> Option<String> {
        match self.built_in {
            BuiltIn::Always(value) => Some(value.to_owned()),
            BuiltIn::ByEnvironment { development, staging, production } => {
                let value = match app_env {
                    AppEnv::Development => development,
                    AppEnv::Staging => staging,
                    AppEnv::Production => production,
                };
                Some(value.to_owned())
            }
            BuiltIn::InDevelopment(value) => (app_env == AppEnv::Development).then(|| value.to_owned()),
            BuiltIn::OfTheMachine(find_out) => Some(find_out()),
            BuiltIn::Unset | BuiltIn::MadeInDevelopment => None,
        }
    }

    /// Whether the service can't do without a value that it has no default for.
    pub(super) fn is_required(&self) -> bool {
        match self.built_in {
            BuiltIn::InDevelopment(_) | BuiltIn::MadeInDevelopment => true,
            BuiltIn::Unset | BuiltIn::Always(_) | BuiltIn::ByEnvironment { .. } | BuiltIn::OfTheMachine(_) => false,
        }
    }
}

/// Returns every variable there is, in the order of the documentation.
pub(super) fn catalog() -> impl Iterator<Item = &'static Variable> {
    [
        SELECTORS,
        ListenSettings::VARIABLES,
        AuthSettings::VARIABLES,
        StoreSettings::VARIABLES,
        RedisSettings::VARIABLES,
        BreakerSettings::VARIABLES,
        SessionSettings::VARIABLES,
        ShardSettings::VARIABLES,
        LimitSettings::VARIABLES,
        HeartbeatSettings::VARIABLES,
        LoggingSettings::VARIABLES,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;

    use super::*;
    use crate::settings::machine;
    use crate::settings::source::read_lines;

    fn shipped(name: &str) -> String {
        fs::read_to_string(format!("{}/config/{name}.env", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn default_env_says_what_is_built_in() {
        let always = |variable: &Variable| match variable.built_in {
            BuiltIn::Always(value) => Some((variable.name.to_owned(), value.to_owned())),
            BuiltIn::Unset
            | BuiltIn::ByEnvironment { .. }
            | BuiltIn::InDevelopment(_)
            | BuiltIn::MadeInDevelopment
            | BuiltIn::OfTheMachine(_) => None,
        };

        let built_in: BTreeMap<_, _> = catalog().filter_map(always).collect();

        assert_eq!(read_lines(&shipped("default")).unwrap(), built_in);
    }

    #[test]
    fn default_env_names_every_variable_under_a_comment() {
        let text = shipped("default");
        let lines: Vec<_> = text.lines().collect();
        let name = |line: &str| {
            let (name, _) = line.trim_start_matches("# ").split_once('=')?;
            name.chars().all(|sign| sign.is_ascii_uppercase() || sign == '_').then(|| name.to_owned())
        };

        let named: BTreeSet<_> = lines.iter().filter_map(|line| name(line)).collect();

        assert_eq!(named, catalog().map(|variable| variable.name.to_owned()).collect());
        for pair in lines.windows(2).filter(|pair| name(pair[1]).is_some()) {
            assert!(pair[0].starts_with("# ") && name(pair[0]).is_none(), "no comment above {}", pair[1]);
        }
    }

    #[test]
    fn each_environments_file_says_what_is_built_in_for_it() {
        for app_env in [AppEnv::Development, AppEnv::Staging, AppEnv::Production] {
            let differing = |variable: &Variable| match variable.built_in {
                BuiltIn::ByEnvironment { .. } | BuiltIn::InDevelopment(_) => {
                    Some((variable.name.to_owned(), variable.default_in(app_env)?))
                }
                BuiltIn::Unset | BuiltIn::Always(_) | BuiltIn::MadeInDevelopment | BuiltIn::OfTheMachine(_) => None,
            };

            let built_in: BTreeMap<_, _> = catalog().filter_map(differing).collect();

            assert_eq!(read_lines(&shipped(app_env.name())).unwrap(), built_in);
        }
    }

    #[test]
    fn defaults_and_reloads_are_those_of_the_documentation() {
        const NONE: &str = "";
        let each = |value| [value; 3];
        let documented = [
            ("APP_ENV", each(NONE), false),
            ("NODE_ENV", each(NONE), false),
            ("CONFIG_FILE", each(NONE), false),
            ("PORT", each("8080"), false),
            ("BIND", ["127.0.0.1", "0.0.0.0", "0.0.0.0"], false),
            ("ADMIN_BIND", each("127.0.0.1"), false),
            ("ADMIN_PORT", each("8081"), false),
            ("ADMIN_PUBLIC", each("false"), false),
            ("DEMO", ["true", "false", "false"], false),
            ("API_TOKEN", each(NONE), true),
            ("READ_REQUIRES_AUTH", each("true"), true),
            ("ACCESS_TOKEN_SECRET", each(NONE), true),
            ("SESSION_TOKEN_SECRET", each(NONE), true),
            ("OPEN_GAMES", ["true", "false", "false"], true),
            ("ALLOWED_ORIGINS", each("same-host"), true),
            ("DATABASE_URL", ["sqlite://data/rejoin.db", NONE, NONE], false),
            ("DATABASE_POOL_MIN", each("2"), false),
            ("DATABASE_POOL_MAX", each("10"), false),
            ("RUN_MIGRATIONS", ["true", "false", "false"], false),
            ("SESSION_REDIS_READTHROUGH_ENABLED", ["false", "true", "false"], true),
            ("SESSION_REDIS_READTHROUGH_PERCENT", each("100"), true),
            ("SESSION_REDIS_URL", each(NONE), false),
            ("SESSION_REDIS_HOST", each(NONE), false),
            ("SESSION_REDIS_PORT", each(NONE), false),
            ("SESSION_REDIS_NAMESPACE", each("gsr"), false),
            ("SESSION_REDIS_POOL_MIN", each("2"), false),
            ("SESSION_REDIS_POOL_MAX", each("10"), false),
            ("SESSION_REDIS_TIMEOUT_MS", each("250"), false),
            ("BREAKER_ERROR_PERCENT", each("50"), true),
            ("BREAKER_MIN_CALLS", each("20"), true),
            ("BREAKER_RESET_MS", each("5000"), true),
            ("SESSION_TOKEN_TTL_SECONDS", each("1800"), true),
            ("ABSENT_PLAYER_SECONDS", each("86400"), true),
            ("SESSION_REPLAY_RETENTION", each("50"), true),
            ("SESSION_CLEANUP_INTERVAL_MS", each("300000"), true),
            ("GAME_RETENTION_SECONDS", each("604800"), true),
            ("MAX_SHARD_MAILBOX", each("1000"), false),
            ("MAX_ITEM_BYTES", each("65536"), true),
            ("MAX_INFLIGHT", each("1000"), true),
            ("REQUEST_TIMEOUT_MS", each("2000"), true),
            ("MAX_CONNECTIONS", each("25000"), true),
            ("MAX_CONNECTIONS_PER_IP", each("1000"), true),
            ("MAX_CONNECTIONS_PER_USER", each("20"), true),
            ("WS_RATE_PER_SECOND", each("50"), true),
            ("WS_RATE_BURST", each("100"), true),
            ("WS_SEND_QUEUE", each("256"), true),
            ("HEARTBEAT_INTERVAL_MS", each("10000"), true),
            ("HEARTBEAT_MISSES", each("3"), true),
            ("HEARTBEAT_FLUSH_MS", each("5000"), true),
            ("CLOCK_BROADCAST_INTERVAL_MS", each("5000"), true),
            ("SHUTDOWN_GRACE_MS", each("5000"), true),
            ("LOG_LEVEL", each("info"), true),
            ("LOG_FORMAT", ["human", "json", "json"], true),
        ];
        let cores = machine::cores().to_string();
        let quarter = (machine::memory_bytes() / 4).to_string();
        let found_out = [("SHARDS", each(cores.as_str()), false), ("MEMORY_BUDGET_BYTES", each(&quarter), true)];
        let documented: BTreeSet<_> = documented.into_iter().chain(found_out).collect();

        let defaults = |variable: &Variable| {
            [AppEnv::Development, AppEnv::Staging, AppEnv::Production]
                .map(|app_env| variable.default_in(app_env).unwrap_or_default())
        };
        let built_in: Vec<_> =
            catalog().map(|variable| (variable.name, defaults(variable), variable.reloads)).collect();
        let built_in =
            built_in.iter().map(|(name, defaults, reloads)| (*name, defaults.each_ref().map(String::as_str), *reloads));
        assert_eq!(built_in.collect::<BTreeSet<_>>(), documented);
    }
}
