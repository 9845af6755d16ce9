//! The schema, and how it is brought up to date.

use std::{error::Error, time::Duration};

use diesel::{
    migration::MigrationSource,
    pg::Pg,
    prelude::*,
    sql_types::{Bool, Text},
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::time::{Instant, sleep};

use super::{
    Statement,
    address::{Address, with_causes},
    dialer::dial,
};
use crate::store::StoreError;

pub(super) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Nodes that start together take turns by this lock. The number is any, the same on every node. Asked for again and
/// again, not waited for: an index that is built beside the nodes at work would wait for the one that waits.
const TAKE_TURNS: &str = "select pg_try_advisory_lock(8243122654983618560) as mine";
/// How often it is asked for, and how long in all.
const ASK_EVERY: Duration = Duration::from_millis(50);
const ASK_FOR: Duration = Duration::from_mins(5);
/// A step that waits for the nodes at work lets them queue up behind it, so it gives up before they do.
const WAIT_FOR_THE_OTHERS: &str = "set lock_timeout = '1s'";

/// Brings a database's schema up to date. Returns the names of the migrations applied. Blocks; not for an async task.
///
/// # Errors
/// `Unavailable`: the server can't be reached, or a migration failed; those before it were applied.
pub fn migrate(url: &str) -> Result<Vec<String>, StoreError> {
    let address = Address::parse(url)?;
    on_own_runtime(async move {
        let mut connection = dial(address).await?;
        take_turns(&mut connection).await?;
        connection.batch_execute(WAIT_FOR_THE_OTHERS).await?;
        let mut harness = AsyncMigrationHarness::new(connection);
        let pending = harness.pending_migrations(MIGRATIONS)?;
        for migration in &pending {
            harness.run_migration(migration)?;
            tracing::info!(context = "PostgresStore", migration = %migration.name(), "Applied a migration");
        }
        Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
    })
}

async fn take_turns(connection: &mut AsyncPgConnection) -> Result<(), Box<dyn Error + Send + Sync>> {
    let until = Instant::now() + ASK_FOR;
    while Instant::now() < until {
        let turn: Turn = Statement::new(TAKE_TURNS).get_result(connection).await?;
        if turn.mine {
            return Ok(());
        }
        sleep(ASK_EVERY).await;
    }
    Err("another node has been migrating for too long".into())
}

#[derive(QueryableByName)]
struct Turn {
    #[diesel(sql_type = Bool)]
    mine: bool,
}

/// Migrations are written for blocking connections; what makes this one look like that needs threads to spare.
pub(super) fn on_own_runtime<T>(
    work: impl Future<Output = Result<T, Box<dyn Error + Send + Sync>>>,
) -> Result<T, StoreError> {
    let unavailable = |error: Box<dyn Error + Send + Sync>| StoreError::Unavailable(with_causes(&*error));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|error| unavailable(error.into()))?.block_on(work).map_err(unavailable)
}

/// The migrations that this program knows and the database has not seen.
pub(super) async fn pending(connection: &mut AsyncPgConnection) -> QueryResult<Vec<String>> {
    // Where no migration was ever applied, there is no table of them.
    let table: Vec<Version> =
        Statement::new("select tablename as version from pg_tables where tablename = '__diesel_schema_migrations'")
            .load(connection)
            .await?;
    let applied: Vec<Version> = if table.is_empty() {
        Vec::new()
    } else {
        Statement::new("select version from __diesel_schema_migrations").load(connection).await?
    };
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(diesel::result::Error::QueryBuilderError)?;
    let is_applied = |version: &str| applied.iter().any(|applied| applied.version == version);
    let pending = known.iter().filter(|migration| !is_applied(&migration.name().version().to_string()));
    Ok(pending.map(|migration| migration.name().to_string()).collect())
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}
