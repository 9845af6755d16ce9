//! The SQLite tier as the rest of the store knows it.

use std::{path::Path, time::Duration};

use super::{
    commit,
    connection::{Connections, Database, Role, unavailable},
    migrate, read,
    readers::Readers,
    removal,
    writer::Writer,
};
use crate::{
    domain::{Game, GameId, Sequence, SessionId, Timestamp},
    store::{
        Cleaned, DurableStore, EventPage, Outcome, PageLimit, Retention, Revocation, Revoked, Stand, StoreError, Write,
        sql::clean_up::in_chunks,
    },
};

/// How to open a database file.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Whether to bring the schema up to date first. Default: yes.
    pub run_migrations: bool,
    /// Connections that read, at most so many at once. Default: 3.
    pub readers: usize,
    /// Writes that may wait for the writer; one more is answered with `Unavailable`. Default: 64.
    pub queue: usize,
    /// How long to wait for another process that writes. Default: 1 s.
    pub busy_timeout: Duration,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { run_migrations: true, readers: 3, queue: 64, busy_timeout: Duration::from_secs(1) }
    }
}

/// Games in a SQLite file. Dropping it waits for the writes it has taken on.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens a database, making its folder and file where there are none. Blocks: not for an async task.
    ///
    /// # Errors
    /// `Unavailable`: the file can't be opened, or its schema can't be brought up to date.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, StoreError> {
        let database = Database::at(path.as_ref(), options.busy_timeout)?;
        let mut connection = database.create()?;
        if options.run_migrations {
            migrate::apply(&mut connection)?;
        }
        for migration in migrate::pending(&mut connection)? {
            tracing::warn!(context = "SqliteStore", migration, "A migration was not applied");
        }
        let writer = Writer::start(Connections::new(database.clone(), Role::Write), options.queue)?;
        let readers = Readers::new(Connections::new(database, Role::Read), options.readers);
        Ok(Self { writer, readers })
    }
}

impl DurableStore for SqliteStore {
    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.run(move |connection| commit::commit(connection, &batch)).await
    }

    async fn load(&self, games: Vec<GameId>, tail: usize) -> Result<Vec<Option<Game>>, StoreError> {
        self.readers.run(move |connection| read::games(connection, &games, tail)).await
    }

    async fn events_after(
        &self,
        game: GameId,
        after: Sequence,
        limit: PageLimit,
    ) -> Result<Option<EventPage>, StoreError> {
        self.readers.run(move |connection| read::events_after(connection, &game, after, limit)).await
    }

    async fn game_of_session(&self, session: SessionId) -> Result<Option<GameId>, StoreError> {
        self.readers.run(move |connection| read::game_of_session(connection, session)).await
    }

    async fn stands(&self, games: Vec<GameId>) -> Result<Vec<Option<Stand>>, StoreError> {
        self.readers.run(move |connection| read::stands(connection, &games)).await
    }

    async fn revoked_since(&self, at: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        self.readers.run(move |connection| read::revoked_since(connection, at)).await
    }

    async fn revoke(&self, which: Revocation, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        self.writer.run(move |connection| removal::revoke(connection, &which, now)).await
    }

    async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        in_chunks(async || self.writer.run(move |connection| removal::clean_up_chunk(connection, keep, now)).await)
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let pending = self.readers.run(migrate::pending).await?;
        match pending.first() {
            None => Ok(()),
            Some(name) => Err(unavailable(format!("the migration {name} was not applied"))),
        }
    }
}
