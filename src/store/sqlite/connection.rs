//! Connections to one database file: how they are opened, and when they are trusted again.

use std::{
    error::Error,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use parking_lot::Mutex;

use crate::store::StoreError;

/// How long a start waits for another process that starts, and may have migrations to run.
const START_WAIT: Duration = Duration::from_secs(30);

/// A database file.
#[derive(Debug, Clone)]
pub(super) struct Database {
    path: PathBuf,
    /// The path as SQLite's URIs have it.
    uri: String,
    busy_timeout: Duration,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Read,
    Write,
}

impl Database {
    pub(super) fn at(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        let text = path.to_str().ok_or_else(|| unavailable("the database's path is not UTF-8"))?;
        let uri = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        Ok(Self { path: path.to_owned(), uri: format!("file:{uri}"), busy_timeout })
    }

    /// Makes the folder and the file where there are none, and turns WAL on, which the file remembers.
    pub(super) fn create(&self) -> Result<SqliteConnection, StoreError> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        // SQLite does not wait for another process that turns WAL on: on their first start, they take turns here.
        let turn = fs::create_dir_all(folder).and_then(|()| File::open(folder)).and_then(|it| it.lock().map(|()| it));
        let _turn = turn.map_err(|error| unavailable(format!("the database's folder: {error}")))?;
        self.connect(
            "rwc",
            START_WAIT,
            "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;",
        )
    }

    /// Opens a file that exists. One that was taken away is not replaced by an empty one.
    fn open(&self, role: Role) -> Result<SqliteConnection, StoreError> {
        let settings = match role {
            // 16 MB of changes between two checkpoints, a log of 64 MB at rest, 16 MB of cache. No memory map: there, a
            // failing disk kills the process instead of a query.
            Role::Write => {
                "pragma synchronous = full; pragma foreign_keys = on; pragma wal_autocheckpoint = 4000;
                 pragma journal_size_limit = 67108864; pragma cache_size = -16000;"
            }
            Role::Read => "pragma query_only = on; pragma cache_size = -4000;",
        };
        self.connect("rw", self.busy_timeout, settings)
    }

    fn connect(&self, mode: &str, busy_timeout: Duration, settings: &str) -> Result<SqliteConnection, StoreError> {
        let mut connection = SqliteConnection::establish(&format!("{}?mode={mode}", self.uri)).map_err(unavailable)?;
        let busy_timeout_ms = busy_timeout.as_millis();
        connection
            .batch_execute(&format!("pragma busy_timeout = {busy_timeout_ms}; {settings}"))
            .map_err(unavailable)?;
        Ok(connection)
    }
}

/// The idle connections of one role, opened as they are needed.
pub(super) struct Connections {
    database: Database,
    role: Role,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Connections {
    pub(super) fn new(database: Database, role: Role) -> Self {
        Self { database, role, idle: Mutex::default() }
    }

    /// Does work on a connection. One that failed is not used again: it may be stuck in a transaction, or hold a file
    /// that is gone.
    pub(super) fn lend<T>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.database.open(self.role)?,
        };
        let result = work(&mut connection)?;
        self.idle.lock().push(connection);
        Ok(result)
    }
}

pub(super) fn unavailable(why: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(why.into().to_string())
}
