//! The schema, and how it is brought up to date.

use std::{error::Error, path::Path, time::Duration};

use diesel::SqliteConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{Database, unavailable};
use crate::store::StoreError;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Brings a database's schema up to date, making the database where there is none. Returns the names of the migrations
/// applied. Blocks.
///
/// # Errors
/// `Unavailable`: the file can't be opened, or a migration failed; the schema is as it was.
pub fn migrate(path: impl AsRef<Path>) -> Result<Vec<String>, StoreError> {
    apply(&mut Database::at(path.as_ref(), Duration::ZERO)?.create()?)
}

/// Applies what is missing, all or nothing. Two processes that do so at once take turns.
pub(super) fn apply(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    connection
        .immediate_transaction(|connection| {
            let pending = connection.pending_migrations(MIGRATIONS)?;
            for migration in &pending {
                connection.run_migration(migration)?;
                tracing::info!(context = "SqliteStore", migration = %migration.name(), "Applied a migration");
            }
            Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
        })
        .map_err(|error: Box<dyn Error + Send + Sync>| unavailable(error))
}

/// The migrations that this program knows and the database has not seen.
pub(super) fn pending(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let pending = connection.pending_migrations(MIGRATIONS).map_err(unavailable)?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}
