//! Where values come from: files and the process environment, in layers.
//!
//! Owns which files are read and which layer wins. Knows nothing of what values mean, but for the three that choose
//! files. Nothing here changes the process environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

use serde::{Serialize, Serializer};

use super::app_env::{APP_ENV, AppEnv, CONFIG_FILE, NODE_ENV, SELECTORS};
use super::problem::Problem;
use super::variable::{Variable, catalog};

/// Every value that was given, known or not, lowest layer first.
#[derive(Clone)]
pub struct Layers {
    lowest_first: Vec<Layer>,
    /// Whether the last but one is the file that `CONFIG_FILE` names.
    has_named: bool,
    problems: Vec<Problem>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A file, named by its path.
    File(PathBuf),
    /// The process environment.
    Environment,
    /// A secret that development made for itself, at this start or an earlier one.
    FirstStart,
}

/// A value as it was written, and where.
#[derive(Clone, PartialEq)]
pub(super) struct Given {
    pub value: String,
    pub origin: Origin,
}

#[derive(Clone)]
struct Layer {
    origin: Origin,
    values: BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    IsFine,
    IsWrong,
}

impl Layers {
    /// Gathers what this process was given: the files of its current directory, and its environment.
    pub fn of_process() -> Self {
        Self::found_in(Path::new(""), env::vars_os())
    }

    /// Gathers the same again for a service that runs in `app_env`, and goes on to, whichever the files choose by now.
    pub fn of_process_in(app_env: AppEnv) -> Self {
        Self::gathered(Path::new(""), env::vars_os(), Some(app_env))
    }

    /// Gathers the files under `directory`, and `environment` over them.
    ///
    /// What can't be read is told by [`Settings::read`](super::Settings::read), together with all bad values.
    pub fn found_in(directory: &Path, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self::gathered(directory, environment, None)
    }

    pub(super) fn gathered(
        directory: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        running: Option<AppEnv>,
    ) -> Self {
        let mut layers = Self { lowest_first: Vec::new(), has_named: false, problems: Vec::new() };
        let defaults = layers.file(directory.join("config/default.env"), Absent::IsFine);
        let environment = layers.environment(environment);
        layers.lowest_first = vec![defaults, environment];

        if let Some(named) = layers.find(&CONFIG_FILE) {
            let named = layers.file(directory.join(named.value), Absent::IsWrong);
            layers.lowest_first.insert(1, named);
            layers.has_named = true;
        }
        if let Ok(chosen) = running.map_or_else(|| layers.app_env(), Ok) {
            let mut own = layers.file(directory.join(format!("config/{chosen}.env")), Absent::IsFine);
            // This file was chosen by these variables; were they read from it, it would choose again.
            own.values.retain(|name, _| SELECTORS.iter().all(|selector| selector.name != name));
            layers.lowest_first.insert(1, own);
        }
        layers
    }

    /// Returns layers made of these values alone, as if they were the process environment.
    pub fn of<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let lowest_first = vec![Layer { origin: Origin::Environment, values }];
        Self { lowest_first, has_named: false, problems: Vec::new() }
    }

    /// Returns the variables for which the file that `CONFIG_FILE` names says something, and the process environment,
    /// which wins and cannot change, something else.
    pub fn overruled(&self) -> Vec<&'static str> {
        let [.., named, environment] = &self.lowest_first[..] else { return Vec::new() };
        let is_overruled = |variable: &&Variable| match (named.get(variable), environment.get(variable)) {
            (Some(said), Some(counts)) => said != counts,
            (Some(_) | None, _) => false,
        };
        let named = catalog().filter(|_| self.has_named);
        named.filter(is_overruled).map(|variable| variable.name).collect()
    }

    /// Returns what the highest layer says that says anything.
    pub(super) fn find(&self, variable: &Variable) -> Option<Given> {
        self.lowest_first
            .iter()
            .rev()
            .find_map(|layer| Some(Given { value: layer.get(variable)?.clone(), origin: layer.origin.clone() }))
    }

    /// Returns `APP_ENV` as it was given, else `NODE_ENV`.
    pub(super) fn chosen_app_env(&self) -> Option<(&'static Variable, Given)> {
        [&APP_ENV, &NODE_ENV].into_iter().find_map(|variable| Some((variable, self.find(variable)?)))
    }

    pub(super) fn app_env(&self) -> Result<AppEnv, Problem> {
        let Some((variable, given)) = self.chosen_app_env() else {
            return Ok(AppEnv::Development);
        };
        let unfit = |_| Problem::unfit(variable, variable.expected, &given.value, &given.origin);
        given.value.parse().map_err(unfit)
    }

    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn environment(&mut self, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Layer {
        let mut values = BTreeMap::new();
        for (name, value) in environment {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => {
                    values.insert(name, value);
                }
                (Ok(name), Err(value)) => {
                    let known = catalog().find(|variable| variable.name == name);
                    let unfit = |variable: &Variable| {
                        Problem::unfit(variable, "Unicode text", &value.to_string_lossy(), &Origin::Environment)
                    };
                    self.problems.extend(known.map(unfit));
                }
                // Every name of ours is Unicode.
                (Err(_), _) => {}
            }
        }
        Layer { origin: Origin::Environment, values }
    }

    fn file(&mut self, path: PathBuf, absent: Absent) -> Layer {
        let values = read_file(&path, absent).unwrap_or_else(|reason| {
            self.problems.push(Problem::File { path: path.clone(), reason });
            BTreeMap::new()
        });
        Layer { origin: Origin::File(path), values }
    }
}

impl Layer {
    fn get(&self, variable: &Variable) -> Option<&String> {
        self.values.get(variable.name).filter(|value| !value.trim().is_empty())
    }
}

fn read_file(path: &Path, absent: Absent) -> Result<BTreeMap<String, String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => read_lines(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && absent == Absent::IsFine => Ok(BTreeMap::new()),
        Err(error) => Err(format!("expected a readable file, found: {error}")),
    }
}

/// Reads `NAME=value` lines; where a name is there twice, the last counts.
pub(super) fn read_lines(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    let mut place = "at its beginning".to_owned();
    for line in dotenvy::from_read_iter(text.trim_start_matches('\u{feff}').as_bytes()) {
        // The error quotes the line, and the line may hold a secret.
        let Ok((name, value)) = line else {
            return Err(format!("expected NAME=value lines, found another {place}"));
        };
        place = format!("after {name}");
        values.insert(name, value);
    }
    Ok(values)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::FirstStart => f.write_str("made at first start"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{FirstStart, Settings};

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        for (path, text) in files {
            fs::write(folder.path().join(path), text).unwrap();
        }
        folder
    }

    fn layers(folder: &tempfile::TempDir, environment: &[(&str, &str)]) -> Layers {
        let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Layers::found_in(folder.path(), environment)
    }

    fn read(layers: &Layers) -> Result<Settings, String> {
        Settings::read(layers, FirstStart::TouchNothing).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_higher_layer_wins() {
        let folder = folder(&[
            ("config/default.env", "WS_RATE_BURST=1\nMAX_INFLIGHT=1\nSHARDS=1\nMAX_CONNECTIONS=1\n"),
            ("config/development.env", "MAX_INFLIGHT=2\nSHARDS=2\nMAX_CONNECTIONS=2\n"),
            ("more.env", "SHARDS=3\nMAX_CONNECTIONS=3\n"),
        ]);

        let settings = read(&layers(&folder, &[("CONFIG_FILE", "more.env"), ("MAX_CONNECTIONS", "4")])).unwrap();

        let listed = settings.in_force();
        let of = |name| {
            let variable = listed.iter().find(|variable| variable.name == name).unwrap();
            (variable.value.as_deref().unwrap().to_owned(), variable.origin.clone())
        };
        let file = |path| Origin::File(folder.path().join(path));
        assert_eq!(of("MAX_ITEM_BYTES"), ("65536".to_owned(), Origin::Default));
        assert_eq!(of("WS_RATE_BURST"), ("1".to_owned(), file("config/default.env")));
        assert_eq!(of("MAX_INFLIGHT"), ("2".to_owned(), file("config/development.env")));
        assert_eq!(of("SHARDS"), ("3".to_owned(), file("more.env")));
        assert_eq!(of("MAX_CONNECTIONS"), ("4".to_owned(), Origin::Environment));
    }

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let folder = folder(&[("config/default.env", "SHARDS=3\n")]);

        let settings = read(&layers(&folder, &[("SHARDS", ""), ("PORT", " ")])).unwrap();

        assert_eq!((settings.shard.shards.get(), settings.listen.port), (3, 8080));
    }

    #[test]
    fn node_env_is_read_where_app_env_is_not_set() {
        let chosen = |values: &[(&str, &str)]| Layers::of(values.iter().copied()).app_env();

        assert_eq!(chosen(&[]), Ok(AppEnv::Development));
        assert_eq!(chosen(&[("NODE_ENV", "staging")]), Ok(AppEnv::Staging));
        assert_eq!(chosen(&[("NODE_ENV", "staging"), ("APP_ENV", "production")]), Ok(AppEnv::Production));
    }

    #[test]
    fn a_named_file_may_choose_the_environment_but_the_environments_file_may_not() {
        let folder =
            folder(&[("more.env", "APP_ENV=staging\n"), ("config/staging.env", "APP_ENV=production\nPORT=1\n")]);

        let layers = layers(&folder, &[("CONFIG_FILE", "more.env")]);

        assert_eq!(layers.app_env(), Ok(AppEnv::Staging));
        assert_eq!(layers.find(&Variable::new("PORT", "")).unwrap().value, "1");
    }

    #[test]
    fn what_a_named_file_says_in_vain_is_told() {
        let folder = folder(&[("config/default.env", "PORT=1\n"), ("more.env", "SHARDS=3\nPORT=2\nBIND=::1\n")]);

        let layers = layers(&folder, &[("CONFIG_FILE", "more.env"), ("SHARDS", "3"), ("PORT", "4"), ("BIND", "")]);

        assert_eq!(layers.overruled(), ["PORT"]);
    }

    #[test]
    fn a_named_file_must_be_there() {
        let folder = folder(&[]);

        let problems = read(&layers(&folder, &[("CONFIG_FILE", "gone.env")])).unwrap_err();

        assert!(problems.contains("gone.env: expected a readable file, found: No such file"), "{problems}");
    }

    #[test]
    fn a_line_that_can_not_be_read_is_not_shown() {
        let folder = folder(&[("config/default.env", "PORT=1\nAPI_TOKEN=hush 'hush\n")]);

        let problems = read(&layers(&folder, &[])).unwrap_err();

        assert!(problems.ends_with("default.env: expected NAME=value lines, found another after PORT"), "{problems}");
    }
}
