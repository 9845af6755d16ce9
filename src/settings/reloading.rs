//! Reading the settings again while the service runs: what has changed, and what of it needs a restart.
//!
//! Owns the comparison. What a change means for what runs is for whoever runs it.

use super::Settings;
use super::app_env::{APP_ENV, AppEnv};
use super::development::{self, FirstStart};
use super::in_force::masked;
use super::problem::Problems;
use super::reading::problems_of;
use super::section::Effective;
use super::source::{Given, Layers, Origin};
use super::variable::{Variable, catalog};

/// What reading again has come to.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// What is in force from now on: what needs a restart is in it as it was.
    pub settings: Settings,
    /// Every variable that has another value now, in the order of the documentation.
    pub changes: Vec<Change>,
}

/// A variable that has another value than the one in force, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The variable.
    pub name: &'static str,
    /// The value in force, secrets and passwords masked; none where it has no value.
    pub before: Option<String>,
    /// The new value, likewise. The same text where only what is masked has changed.
    pub after: Option<String>,
    /// Where the new value comes from.
    pub origin: Origin,
    /// Whether it is taken up while the service runs.
    pub reloads: bool,
}

impl Reloaded {
    /// Returns whether one of these variables was taken up with another value.
    pub fn takes_up(&self, names: &[&str]) -> bool {
        self.changes.iter().any(|change| change.reloads && names.contains(&change.name))
    }
}

impl Settings {
    /// Reads every variable again: `layers` are those of a service that runs in the environment of these settings.
    ///
    /// # Errors
    /// Everything that is wrong, at once, with what needs a restart too: stay with the settings in force.
    pub fn read_again(&self, layers: &Layers, first_start: FirstStart) -> Result<Reloaded, Problems> {
        let mut given = Effective::new(layers, self.app_env);
        let mut taken_up = self.effective.reloaded(&given);
        let mut problems = layers.problems().to_vec();
        match (layers.app_env(), layers.chosen_app_env()) {
            (Ok(chosen), given_as) => {
                let origin = given_as.map_or(Origin::Default, |(_, given)| given.origin);
                given.insert(APP_ENV.name, Given { value: chosen.name().to_owned(), origin });
            }
            (Err(problem), _) => problems.push(problem),
        }
        if self.app_env == AppEnv::Development {
            // Beside the store that is in force: another one is for the next start.
            problems.extend(development::find_secrets(&mut taken_up, first_start));
            development::fill_in(&mut given, &taken_up);
        }
        problems.extend(problems_of(&given, self.app_env));
        if problems.is_empty() {
            // Good together with what the files say, but not with what stays as it is until a restart.
            problems.extend(problems_of(&taken_up, self.app_env));
        }
        if let Some(problems) = Problems::among(problems) {
            return Err(problems);
        }
        let changes = catalog().filter_map(|variable| self.change(variable, &given)).collect();
        Ok(Reloaded { settings: Self::of(taken_up, self.app_env), changes })
    }

    fn change(&self, variable: &Variable, given: &Effective) -> Option<Change> {
        let (before, after) = (self.effective.get(variable.name), given.get(variable.name));
        let value = |given: Option<&Given>| given.map(|given| given.value.clone());
        if value(before) == value(after) {
            return None;
        }
        let shown = |given: Option<&Given>| given.map(|given| masked(variable.exposure, &given.value));
        Some(Change {
            name: variable.name,
            before: shown(before),
            after: shown(after),
            origin: after.map_or(Origin::Default, |given| given.origin.clone()),
            reloads: variable.reloads,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::*;

    const SECRET: &str = "hush-hush-hush-hush-hush-hush-hush-hush";
    const OTHER: &str = "tell-tell-tell-tell-tell-tell-tell-tell";

    /// A folder with the one file that `CONFIG_FILE` names, and what the process environment says besides.
    struct Machine {
        folder: tempfile::TempDir,
        environment: Vec<(&'static str, String)>,
    }

    impl Machine {
        fn with(file: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let database = format!("sqlite://{}/rejoin.db", folder.path().display());
            let environment = vec![("CONFIG_FILE", "own.env".to_owned()), ("DATABASE_URL", database)];
            let machine = Self { folder, environment };
            machine.write(file);
            machine
        }

        fn write(&self, file: &str) {
            fs::write(self.folder.path().join("own.env"), file).unwrap();
        }

        fn layers(&self, running: Option<AppEnv>) -> Layers {
            let environment =
                self.environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
            Layers::gathered(self.folder.path(), environment, running)
        }

        fn start(&self) -> Settings {
            Settings::read(&self.layers(None), FirstStart::KeepSecrets).unwrap()
        }

        fn read_again(&self, settings: &Settings) -> Result<Reloaded, String> {
            let layers = self.layers(Some(settings.app_env));
            settings.read_again(&layers, FirstStart::KeepSecrets).map_err(|problems| problems.to_string())
        }
    }

    fn told(reloaded: &Reloaded) -> Vec<(&str, Option<&str>, Option<&str>, bool)> {
        let told = |change: &'_ Change| (change.name, change.reloads);
        let values = reloaded.changes.iter().map(|change| (change.before.as_deref(), change.after.as_deref()));
        let both = reloaded.changes.iter().map(told).zip(values);
        both.map(|((name, reloads), (before, after))| (name, before, after, reloads)).collect()
    }

    #[test]
    fn what_reloads_is_taken_up_and_what_does_not_stays_and_is_told_again() {
        let machine = Machine::with("MAX_INFLIGHT=10\nSHARDS=2\n");
        let before = machine.start();

        machine.write("MAX_INFLIGHT=20\nSHARDS=4\nPORT=9999\n");
        let once = machine.read_again(&before).unwrap();
        let twice = machine.read_again(&once.settings).unwrap();

        let restart = [("PORT", Some("8080"), Some("9999"), false), ("SHARDS", Some("2"), Some("4"), false)];
        let taken_up = ("MAX_INFLIGHT", Some("10"), Some("20"), true);
        assert_eq!(told(&once), [restart[0], restart[1], taken_up]);
        assert_eq!(told(&twice), restart);
        assert!(once.takes_up(&["MAX_INFLIGHT"]) && !once.takes_up(&["SHARDS", "LOG_LEVEL"]));
        let now = &once.settings;
        assert_eq!((now.limits.max_inflight.get(), now.shard.shards.get(), now.listen.port), (20, 2, 8080));
        assert_eq!(
            now.in_force().iter().find(|variable| variable.name == "SHARDS").unwrap().value.as_deref(),
            Some("2")
        );
    }

    #[test]
    fn what_is_no_longer_set_has_its_default_again() {
        let machine = Machine::with("LOG_LEVEL=debug\n");
        let before = machine.start();

        machine.write("");
        let reloaded = machine.read_again(&before).unwrap();

        assert_eq!(told(&reloaded), [("LOG_LEVEL", Some("debug"), Some("info"), true)]);
        assert_eq!(reloaded.changes[0].origin, Origin::Default);
    }

    #[test]
    fn secrets_are_taken_up_and_not_shown() {
        let machine = Machine::with(&format!("API_TOKEN={SECRET}\n"));
        let before = machine.start();

        machine.write(&format!("API_TOKEN={OTHER},{SECRET}\nSESSION_REDIS_URL=redis://:{SECRET}@cache\n"));
        let reloaded = machine.read_again(&before).unwrap();

        let masked = Some("********");
        let redis = ("SESSION_REDIS_URL", None, Some("redis://:********@cache"), false);
        assert_eq!(told(&reloaded), [("API_TOKEN", masked, masked, true), redis]);
        assert_eq!(reloaded.settings.auth.api_tokens.current().expose(), OTHER);
        assert!(!format!("{reloaded:?}").contains("hush"));
    }

    #[test]
    fn secrets_that_development_made_are_the_same_again() {
        let mut machine = Machine::with("");
        let (_, url) = machine.environment.pop().unwrap();
        machine.write(&format!("DATABASE_URL={url}\n"));
        let before = machine.start();

        machine.write("DATABASE_URL=sqlite:///elsewhere/rejoin.db\n");
        let reloaded = machine.read_again(&before).unwrap();

        let elsewhere = Some("sqlite:///elsewhere/rejoin.db");
        assert_eq!(told(&reloaded), [("DATABASE_URL", Some(url.as_str()), elsewhere, false)]);
        assert_eq!(reloaded.settings.auth, before.auth);
    }

    #[test]
    fn everything_that_is_wrong_is_told_and_nothing_is_taken_up() {
        let machine = Machine::with("");
        let before = machine.start();

        machine.write("MAX_INFLIGHT=0\nLOG_LEVEL=debug\nSHARDS=none\nAPP_ENV=test\n");
        let problems = machine.read_again(&before).unwrap_err();

        let named: Vec<_> = problems.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        assert_eq!(named, ["APP_ENV", "SHARDS", "MAX_INFLIGHT"]);
    }

    #[test]
    fn a_file_that_is_gone_is_told() {
        let machine = Machine::with("");
        let before = machine.start();

        fs::remove_file(machine.folder.path().join("own.env")).unwrap();

        assert!(machine.read_again(&before).unwrap_err().contains("own.env: expected a readable file"));
    }

    #[test]
    fn another_environment_needs_a_restart_and_its_defaults_wait_for_that() {
        let machine = Machine::with("");
        let before = machine.start();

        machine.write("APP_ENV=staging\n");
        let reloaded = machine.read_again(&before).unwrap();

        assert_eq!(told(&reloaded), [("APP_ENV", Some("development"), Some("staging"), false)]);
        assert!(reloaded.settings.auth.open_games && !reloaded.settings.redis.readthrough_enabled);
    }

    #[test]
    fn what_the_environment_in_force_forbids_is_refused_though_another_one_is_chosen() {
        let secrets: String = ["API_TOKEN", "ACCESS_TOKEN_SECRET", "SESSION_TOKEN_SECRET"]
            .map(|name| format!("{name}={SECRET}\n"))
            .concat();
        let machine = Machine::with(&format!("APP_ENV=production\n{secrets}"));
        let before = machine.start();

        machine.write(&format!("APP_ENV=staging\nALLOWED_ORIGINS=*\n{secrets}"));

        assert!(machine.read_again(&before).unwrap_err().starts_with("ALLOWED_ORIGINS: expected same-host or a list"));
    }
}
