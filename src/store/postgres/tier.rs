//! The Postgres tier as the rest of the store knows it.

use std::{sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio::runtime::Handle;

use super::{
    address::Address,
    commit::commit,
    database::Database,
    migrate::{self, migrate},
    read, removal,
};
use crate::{
    domain::{Game, GameId, Sequence, SessionId, Timestamp},
    store::{
        Cleaned, DurableStore, EventPage, Outcome, PageLimit, Retention, Revocation, Revoked, Stand, StoreError, Write,
        pool::PoolGauges, sql::clean_up::in_chunks,
    },
};

/// How to use a server.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Whether to bring the schema up to date first. Default: yes.
    pub run_migrations: bool,
    /// Connections kept open. Default: 2.
    pub pool_min: usize,
    /// Connections at most. Default: 10.
    pub pool_max: usize,
    /// How long one call may take. Default: 1.8 s, just before the service itself gives up.
    pub deadline: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { run_migrations: true, pool_min: 2, pool_max: 10, deadline: Duration::from_millis(1_800) }
    }
}

/// Games in a Postgres database. Other nodes may hold the same one.
pub struct PostgresStore {
    database: Arc<Database>,
}

impl PostgresStore {
    /// Sets up the connections to a database, which live in the runtime given. Blocks: not for an async task.
    ///
    /// A server that is not there is waited for: calls are `Unavailable` until it comes. With migrations to run, it
    /// must be there.
    ///
    /// # Errors
    /// `Unavailable`: the URL says nothing we understand, or the schema can't be brought up to date.
    pub fn open(url: &str, options: &OpenOptions, runtime: &Handle) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        if options.run_migrations {
            migrate(url)?;
        }
        let place = address.place();
        let store = Self { database: Arc::new(Database::new(address, options, runtime.clone())?) };
        store.report(place);
        Ok(store)
    }

    /// Registers gauges of the connections, read at each scrape.
    pub fn register_gauges(&self, registry: &mut Registry) {
        let pool = self.database.pool();
        registry.register_collector(Box::new(PoolGauges { pool, prefix: "db_pool", server: "the durable store" }));
    }

    /// Sets how long one call may take from now on. Connections that the server holds to another time are not used again.
    pub fn set_deadline(&self, deadline: Duration) {
        self.database.set_deadline(deadline);
    }

    /// Logs whether the database is ready. Nobody waits for it.
    fn report(&self, place: String) {
        let database = Arc::clone(&self.database);
        self.database.spawn(async move {
            match check(&database).await {
                Ok(()) => tracing::info!(context = "PostgresStore", place, "The database is ready"),
                Err(error) => tracing::warn!(context = "PostgresStore", place, %error, "The database is not ready"),
            }
        });
    }
}

async fn check(database: &Database) -> Result<(), StoreError> {
    let pending = database.run(async |mut lent| lent.read(migrate::pending).await).await?;
    match pending.first() {
        None => Ok(()),
        Some(name) => Err(StoreError::Unavailable(format!("the migration {name} was not applied"))),
    }
}

impl DurableStore for PostgresStore {
    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.database.run(move |lent| commit(lent, batch)).await
    }

    async fn load(&self, games: Vec<GameId>, tail: usize) -> Result<Vec<Option<Game>>, StoreError> {
        if games.is_empty() {
            return Ok(Vec::new());
        }
        self.database
            .run(move |mut lent| async move {
                lent.read_moment(async |connection| read::games(connection, &games, tail).await).await
            })
            .await
    }

    async fn events_after(
        &self,
        game: GameId,
        after: Sequence,
        limit: PageLimit,
    ) -> Result<Option<EventPage>, StoreError> {
        self.database
            .run(move |mut lent| async move {
                lent.read(async |connection| read::events_after(connection, &game, after, limit).await).await
            })
            .await
    }

    async fn game_of_session(&self, session: SessionId) -> Result<Option<GameId>, StoreError> {
        self.database
            .run(move |mut lent| async move {
                lent.read(async |connection| read::game_of_session(connection, session).await).await
            })
            .await
    }

    async fn stands(&self, games: Vec<GameId>) -> Result<Vec<Option<Stand>>, StoreError> {
        self.database
            .run(move |mut lent| async move {
                lent.read(async |connection| read::stands(connection, &games).await).await
            })
            .await
    }

    async fn revoked_since(&self, at: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        self.database
            .run(move |mut lent| async move {
                lent.read(async |connection| read::revoked_since(connection, at).await).await
            })
            .await
    }

    async fn revoke(&self, which: Revocation, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        self.database
            .run(move |mut lent| async move {
                Ok(lent.statement(async |connection| removal::revoke(connection, &which, now).await).await?)
            })
            .await
    }

    async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        in_chunks(|| {
            self.database.run(move |mut lent| async move {
                Ok(lent.transaction(async |connection| removal::clean_up_chunk(connection, keep, now).await).await?)
            })
        })
        .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        check(&self.database).await
    }
}
