//! The secrets that development makes for itself, so that a first start needs no setting.
//!
//! They are kept in `secrets.env` beside the embedded store, for later starts and for the other commands.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Settings;
use super::problem::Problem;
use super::secret::Secret;
use super::section::Effective;
use super::source::{Given, Origin, read_lines};
use super::store::DatabaseUrl;

const API_TOKEN: &str = "API_TOKEN";
const MADE: [&str; 3] = [API_TOKEN, "ACCESS_TOKEN_SECRET", "SESSION_TOKEN_SECRET"];
const FILE: &str = "secrets.env";
const HEADING: &str = "# Made by rejoin at its first start in development. Remove this file, and new ones are made.\n";

/// What to do in development where a secret was neither given nor made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstStart {
    /// Make it and keep it: whatever serves, or talks to what serves.
    KeepSecrets,
    /// Make it for this once and write nothing: whatever only looks.
    TouchNothing,
}

type Made = BTreeMap<String, String>;

impl Settings {
    /// Returns the current API token if development made it, so that the operator can be told.
    pub fn made_api_token(&self) -> Option<&Secret> {
        let made = self.effective.get(API_TOKEN).is_some_and(|given| given.origin == Origin::FirstStart);
        made.then(|| self.auth.api_tokens.current())
    }
}

/// Fills in the secrets that nobody gave, and returns what stood in the way of keeping them.
pub(super) fn find_secrets(effective: &mut Effective, first_start: FirstStart) -> Option<Problem> {
    if MADE.iter().all(|name| effective.get(name).is_some()) {
        return None;
    }
    let database = effective.get("DATABASE_URL").and_then(|url| DatabaseUrl::try_from(url.value.clone()).ok());
    let found = match (database, first_start) {
        (Some(database), FirstStart::KeepSecrets) => kept_or_made(&database.folder().join(FILE)),
        (Some(database), FirstStart::TouchNothing) => kept_or_unkept(&database.folder().join(FILE)),
        // The start fails for its bad address anyway.
        (None, FirstStart::KeepSecrets | FirstStart::TouchNothing) => Ok(make()),
    };
    let (secrets, problem) = match found {
        Ok(secrets) => (secrets, None),
        Err(problem) => (make(), Some(problem)),
    };
    for name in MADE {
        if let (None, Some(value)) = (effective.get(name), secrets.get(name)) {
            effective.insert(name, Given { value: value.clone(), origin: Origin::FirstStart });
        }
    }
    problem
}

/// Fills in from others the secrets that nobody gave.
pub(super) fn fill_in(effective: &mut Effective, others: &Effective) {
    for name in MADE {
        if let (None, Some(other)) = (effective.get(name), others.get(name)) {
            effective.insert(name, other.clone());
        }
    }
}

fn kept_or_unkept(path: &Path) -> Result<Made, Problem> {
    Ok(kept(path)?.unwrap_or_else(make))
}

fn kept_or_made(path: &Path) -> Result<Made, Problem> {
    if let Some(kept) = kept(path)? {
        return Ok(kept);
    }
    let made = make();
    match keep(path, &made) {
        Ok(()) => Ok(made),
        // Another process started at the same time and was first: its secrets count.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(kept(path)?.unwrap_or(made)),
        Err(error) => Err(problem(path, format!("expected to keep made secrets here, found: {error}"))),
    }
}

fn kept(path: &Path) -> Result<Option<Made>, Problem> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem(path, format!("expected a readable file, found: {error}"))),
    };
    let kept = read_lines(&text).map_err(|reason| problem(path, reason))?;
    match MADE.iter().find(|name| !kept.contains_key(**name)) {
        Some(name) => Err(problem(path, format!("expected {name} in it, or no such file"))),
        None => Ok(Some(kept)),
    }
}

fn make() -> Made {
    MADE.map(|name| {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).expect("the system's random source never fails once it is up");
        (name.to_owned(), URL_SAFE_NO_PAD.encode(bytes))
    })
    .into()
}

/// Writes the file for its owner alone, whole or not at all, and never over another.
fn keep(path: &Path, made: &Made) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)?;
    let unfinished: PathBuf = folder.join(format!("{FILE}.{}", Uuid::new_v4()));
    let lines = made.iter().fold(HEADING.to_owned(), |text, (name, value)| text + name + "=" + value + "\n");

    let written = write_whole(&unfinished, &lines).and_then(|()| fs::hard_link(&unfinished, path));
    // Gone already where it could not be written; what is left of it harms nobody.
    fs::remove_file(&unfinished).ok();
    written
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn problem(path: &Path, reason: String) -> Problem {
    Problem::File { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::Layers;

    fn started_in(folder: &Path, first_start: FirstStart) -> Settings {
        let url = format!("sqlite://{}/made/rejoin.db", folder.display());
        Settings::read(&Layers::of([("DATABASE_URL", url.as_str())]), first_start).unwrap()
    }

    #[test]
    fn secrets_are_made_once_and_used_again() {
        let folder = tempfile::tempdir().unwrap();

        let first = started_in(folder.path(), FirstStart::KeepSecrets);
        let second = started_in(folder.path(), FirstStart::KeepSecrets);
        let looking = started_in(folder.path(), FirstStart::TouchNothing);

        assert_eq!(first.auth, second.auth);
        assert_eq!(first.auth, looking.auth);
        assert_eq!(first.made_api_token(), Some(first.auth.api_tokens.current()));
        assert_ne!(first.auth.access_token_secrets, first.auth.session_token_secrets);
    }

    #[test]
    fn kept_secrets_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();

        started_in(folder.path(), FirstStart::KeepSecrets);

        let kept: Vec<_> = fs::read_dir(folder.path().join("made")).unwrap().map(Result::unwrap).collect();
        assert_eq!(kept.iter().map(fs::DirEntry::file_name).collect::<Vec<_>>(), [FILE]);
        assert_eq!(kept[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn looking_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();

        started_in(folder.path(), FirstStart::TouchNothing);

        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    }

    #[test]
    fn processes_that_start_together_agree() {
        let folder = tempfile::tempdir().unwrap();

        let starts: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| started_in(folder.path(), FirstStart::KeepSecrets).auth)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });

        assert!(starts.iter().all(|auth| *auth == starts[0]));
    }

    #[test]
    fn a_given_secret_is_used_instead_of_a_made_one() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/rejoin.db", folder.path().display());
        let token = "a-token-of-my-own-0123456789-0123456789";

        let layers = Layers::of([("DATABASE_URL", url.as_str()), ("API_TOKEN", token)]);
        let settings = Settings::read(&layers, FirstStart::KeepSecrets).unwrap();

        assert_eq!(settings.auth.api_tokens.current().expose(), token);
        assert_eq!(settings.made_api_token(), None);
    }

    #[test]
    fn a_file_that_lost_a_secret_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "API_TOKEN=x\n").unwrap();
        let url = format!("sqlite://{}/rejoin.db", folder.path().display());

        let problems =
            Settings::read(&Layers::of([("DATABASE_URL", url.as_str())]), FirstStart::KeepSecrets).unwrap_err();

        let expected = format!("{}: expected ACCESS_TOKEN_SECRET in it, or no such file", path.display());
        assert_eq!(problems.to_string(), expected);
    }
}
