//! All sections together: from layers of text to typed settings, or to everything that is wrong.

use super::Settings;
use super::app_env::AppEnv;
use super::auth::AuthSettings;
use super::breaker::BreakerSettings;
use super::development::{self, FirstStart};
use super::heartbeat::HeartbeatSettings;
use super::limits::LimitSettings;
use super::listen::ListenSettings;
use super::logging::LoggingSettings;
use super::problem::{Problem, Problems};
use super::redis::RedisSettings;
use super::section::{Effective, check};
use super::session::SessionSettings;
use super::shard::ShardSettings;
use super::source::Layers;
use super::store::StoreSettings;

const CHECKS: [fn(&Effective, AppEnv) -> Vec<Problem>; 10] = [
    check::<ListenSettings>,
    check::<AuthSettings>,
    check::<StoreSettings>,
    check::<RedisSettings>,
    check::<BreakerSettings>,
    check::<SessionSettings>,
    check::<ShardSettings>,
    check::<LimitSettings>,
    check::<HeartbeatSettings>,
    check::<LoggingSettings>,
];

impl Settings {
    /// Reads every variable.
    ///
    /// In development it also finds the secrets nobody gave, or makes them; `first_start` says whether made ones are
    /// kept.
    ///
    /// # Errors
    /// Everything that is wrong, at once: show it and exit with [`Problems::EXIT_STATUS`].
    pub fn read(layers: &Layers, first_start: FirstStart) -> Result<Self, Problems> {
        let mut problems = layers.problems().to_vec();
        let app_env = layers.app_env().unwrap_or_else(|problem| {
            problems.push(problem);
            // What is wrong in development is wrong everywhere.
            AppEnv::Development
        });
        let mut effective = Effective::new(layers, app_env);
        if app_env == AppEnv::Development {
            problems.extend(development::find_secrets(&mut effective, first_start));
        }
        problems.extend(problems_of(&effective, app_env));
        match Problems::among(problems) {
            Some(problems) => Err(problems),
            None => Ok(Self::of(effective, app_env)),
        }
    }

    /// Reads all sections; no variable has a problem.
    pub(super) fn of(effective: Effective, app_env: AppEnv) -> Self {
        Self {
            app_env,
            listen: effective.section(),
            auth: effective.section(),
            store: effective.section(),
            redis: effective.section(),
            breaker: effective.section(),
            session: effective.section(),
            shard: effective.section(),
            limits: effective.section(),
            heartbeat: effective.section(),
            logging: effective.section(),
            effective,
        }
    }
}

/// Finds what is wrong with the variables of all sections.
pub(super) fn problems_of(effective: &Effective, app_env: AppEnv) -> Vec<Problem> {
    CHECKS.iter().flat_map(|check| check(effective, app_env)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MARKER: &str = "hush-hush-hush-hush-hush-hush-hush-hush";

    fn read(values: &[(&str, &str)]) -> Result<Settings, String> {
        let read = Settings::read(&Layers::of(values.iter().copied()), FirstStart::TouchNothing);
        read.map_err(|problems| problems.to_string())
    }

    #[test]
    fn every_bad_value_is_named_at_once() {
        let problems = read(&[
            ("PORT", "80a"),
            ("ADMIN_PUBLIC", "yes"),
            ("DATABASE_POOL_MIN", "11"),
            ("SESSION_REDIS_READTHROUGH_PERCENT", "101"),
            ("SESSION_REDIS_PORT", "6379"),
            ("BREAKER_ERROR_PERCENT", "0"),
            ("SHARDS", "1025"),
            ("HEARTBEAT_INTERVAL_MS", "0"),
            ("LOG_LEVEL", "loud"),
        ]);

        let expected = r#"
PORT: expected a port number from 0 to 65535, found "80a" (environment)
ADMIN_PUBLIC: expected true or false, found "yes" (environment)
DATABASE_POOL_MIN: expected at most DATABASE_POOL_MAX, found "11" (environment)
SESSION_REDIS_READTHROUGH_PERCENT: expected a whole number from 0 to 100, found "101" (environment)
SESSION_REDIS_PORT: expected SESSION_REDIS_HOST beside it, found "6379" (environment)
BREAKER_ERROR_PERCENT: expected a whole number from 1 to 100, found "0" (environment)
SHARDS: expected a whole number from 1 to 1024, found "1025" (environment)
HEARTBEAT_INTERVAL_MS: expected a whole number of milliseconds from 1 to 4294967295, found "0" (environment)
LOG_LEVEL: expected error, warn, info, debug or trace, found "loud" (environment)"#;
        assert_eq!(problems.unwrap_err(), expected.trim_start());
    }

    #[test]
    fn a_bad_value_is_not_compared_with_others() {
        let problems = read(&[("DATABASE_POOL_MIN", "11"), ("DATABASE_POOL_MAX", "many")]).unwrap_err();

        assert_eq!(problems, r#"DATABASE_POOL_MAX: expected a whole number of at least 1, found "many" (environment)"#);
    }

    #[test]
    fn staging_and_production_need_secrets_and_a_database() {
        for app_env in ["staging", "production"] {
            let problems = read(&[("APP_ENV", app_env), ("API_TOKEN", "")]).unwrap_err();

            let named: Vec<_> =
                problems.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
            assert_eq!(named, ["API_TOKEN", "ACCESS_TOKEN_SECRET", "SESSION_TOKEN_SECRET", "DATABASE_URL"]);
            assert!(problems.lines().all(|line| line.ends_with(&format!("found nothing (required in {app_env})"))));
        }
    }

    #[test]
    fn an_unknown_environment_is_named_together_with_other_problems() {
        let problems = read(&[("NODE_ENV", "test"), ("PORT", "-1")]).unwrap_err();

        let expected = r#"NODE_ENV: expected development, staging or production, found "test" (environment)"#;
        assert!(problems.starts_with(expected) && problems.contains("\nPORT: "), "{problems}");
    }

    #[test]
    fn no_problem_shows_a_secret() {
        let short = "hush";
        let problems = read(&[
            ("API_TOKEN", short),
            ("ACCESS_TOKEN_SECRET", &format!("{MARKER},{short}")),
            ("SESSION_TOKEN_SECRET", short),
            ("DATABASE_URL", &format!("mysql://rejoin:{MARKER}@db/rejoin")),
            ("SESSION_REDIS_URL", &format!("http://:{MARKER}@cache")),
            ("SESSION_REDIS_HOST", &format!(":{MARKER}@cache")),
        ]);

        let problems = problems.unwrap_err();
        assert_eq!(problems.lines().count(), 6, "{problems}");
        assert!(!problems.contains(short), "{problems}");
    }

    #[test]
    fn any_origin_is_refused_in_production() {
        let secrets = ["API_TOKEN", "ACCESS_TOKEN_SECRET", "SESSION_TOKEN_SECRET"].map(|name| (name, MARKER));
        let elsewhere = [("DATABASE_URL", "sqlite://rejoin.db"), ("ALLOWED_ORIGINS", "*")];

        let in_staging = read(&[&[("APP_ENV", "staging")], &secrets[..], &elsewhere].concat());
        let in_production = read(&[&[("APP_ENV", "production")], &secrets[..], &elsewhere].concat());

        assert!(in_staging.is_ok());
        assert!(in_production.unwrap_err().starts_with("ALLOWED_ORIGINS: expected same-host or a list of origins"));
    }

    #[test]
    fn a_duration_has_the_unit_its_variable_names() {
        let settings = read(&[("SESSION_REDIS_TIMEOUT_MS", "7"), ("ABSENT_PLAYER_SECONDS", "7")]).unwrap();

        assert_eq!(settings.redis.timeout, Duration::from_millis(7));
        assert_eq!(settings.session.absent_player, Duration::from_secs(7));
    }

    #[test]
    fn unknown_variables_are_ignored() {
        assert!(read(&[("NEW_SETTING", "value")]).is_ok());
    }
}
