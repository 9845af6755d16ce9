//! The durable store.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::app_env::AppEnv;
use super::connection_url::ConnectionUrl;
use super::section::{Disagreement, Section};
use super::values::{COUNT, COUNT_OR_ZERO, TRUE_OR_FALSE};
use super::variable::{BuiltIn, Exposure, Variable};

const DATABASE: &str = "sqlite://<path of a file> or postgres://<user>:<password>@<host>/<database>";

/// The database and the connections to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StoreSettings {
    /// `DATABASE_URL`, default `sqlite://data/rejoin.db` in development, required elsewhere.
    #[serde(rename = "database_url")]
    pub url: DatabaseUrl,
    /// `DATABASE_POOL_MIN`, default 2 connections kept open.
    #[serde(rename = "database_pool_min")]
    pub pool_min: usize,
    /// `DATABASE_POOL_MAX`, default 10 connections.
    #[serde(rename = "database_pool_max")]
    pub pool_max: NonZeroUsize,
    /// `RUN_MIGRATIONS`, default true in development, else false: whether a start brings the schema up to date.
    pub run_migrations: bool,
}

/// Where the durable store is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum DatabaseUrl {
    /// A file of the embedded store; relative to the current directory unless it starts with `/`.
    Sqlite(PathBuf),
    /// A server.
    Postgres(ConnectionUrl),
}

impl DatabaseUrl {
    /// Returns the folder that local files are kept in: beside the embedded store, else `data`.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Sqlite(file) => file.parent().unwrap_or(Path::new("")),
            Self::Postgres(_) => Path::new("data"),
        }
    }
}

/// The text names no database we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {DATABASE}")]
pub struct NotADatabase;

impl TryFrom<String> for DatabaseUrl {
    type Error = NotADatabase;

    fn try_from(url: String) -> Result<Self, NotADatabase> {
        let (scheme, rest) = url.split_once("://").ok_or(NotADatabase)?;
        match scheme {
            // Neither options nor `:memory:`: every connection must see the same file.
            "sqlite" if rest.is_empty() || rest.ends_with('/') || rest.contains('?') || rest.starts_with(':') => {
                Err(NotADatabase)
            }
            "sqlite" => Ok(Self::Sqlite(rest.into())),
            "postgres" | "postgresql" if !rest.is_empty() => Ok(Self::Postgres(ConnectionUrl::new(url))),
            _another => Err(NotADatabase),
        }
    }
}

impl Section for StoreSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("DATABASE_URL", DATABASE)
            .built_in(BuiltIn::InDevelopment("sqlite://data/rejoin.db"))
            .exposed(Exposure::Url),
        Variable::new("DATABASE_POOL_MIN", COUNT_OR_ZERO).default("2"),
        Variable::new("DATABASE_POOL_MAX", COUNT).default("10"),
        Variable::new("RUN_MIGRATIONS", TRUE_OR_FALSE).built_in(BuiltIn::ByEnvironment {
            development: "true",
            staging: "false",
            production: "false",
        }),
    ];

    fn disagreements(&self, _app_env: AppEnv) -> Vec<Disagreement> {
        if self.pool_min > self.pool_max.get() {
            let (name, with) = ("DATABASE_POOL_MIN", "DATABASE_POOL_MAX");
            return vec![Disagreement { name, with, expected: "at most DATABASE_POOL_MAX" }];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<DatabaseUrl, NotADatabase> {
        DatabaseUrl::try_from(url.to_owned())
    }

    #[test]
    fn a_sqlite_url_is_a_path() {
        assert_eq!(parsed("sqlite://data/rejoin.db"), Ok(DatabaseUrl::Sqlite("data/rejoin.db".into())));
        assert_eq!(parsed("sqlite:///var/lib/rejoin.db"), Ok(DatabaseUrl::Sqlite("/var/lib/rejoin.db".into())));
    }

    #[test]
    fn what_is_no_known_database_is_refused() {
        for url in ["mysql://db/rejoin", "postgres://", "sqlite://", "sqlite://:memory:", "sqlite://data/", "rejoin.db"]
        {
            assert_eq!(parsed(url), Err(NotADatabase), "{url}");
        }
    }

    #[test]
    fn a_database_url_is_shown_without_its_password() {
        let url = parsed("postgresql://rejoin:hush@db/rejoin").unwrap();

        assert_eq!(format!("{url:?}"), "Postgres(postgresql://rejoin:********@db/rejoin)");
    }
}
