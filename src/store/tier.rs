//! The durable tiers there are, as one type.

use std::time::Duration;

#[cfg(test)]
use super::faulty::FaultyStore;
use super::{
    Cleaned, DurableStore, EventPage, Outcome, PageLimit, Retention, Revocation, Revoked, Stand, StoreError, Write,
    postgres::PostgresStore, sqlite::SqliteStore,
};
use crate::domain::{Game, GameId, Sequence, SessionId, Timestamp};

/// The durable tier of this node.
pub enum Durable {
    /// A file of this machine.
    Sqlite(SqliteStore),
    /// A server that other nodes use too.
    Postgres(PostgresStore),
    /// One that fails on demand.
    #[cfg(test)]
    Faulty(FaultyStore),
}

macro_rules! each {
    ($tier:expr, $store:ident => $call:expr) => {
        match $tier {
            Durable::Sqlite($store) => $call,
            Durable::Postgres($store) => $call,
            #[cfg(test)]
            Durable::Faulty($store) => $call,
        }
    };
}

impl Durable {
    /// Whether other nodes may write to it too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(_) => true,
            #[cfg(test)]
            Self::Faulty(_) => false,
        }
    }

    /// Sets how long its calls may take from now on, where it reckons with that by itself.
    pub fn set_deadline(&self, deadline: Duration) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(store) => store.set_deadline(deadline),
            #[cfg(test)]
            Self::Faulty(_) => {}
        }
    }
}

impl DurableStore for Durable {
    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
        each!(self, store => store.commit(batch).await)
    }

    async fn load(&self, games: Vec<GameId>, tail: usize) -> Result<Vec<Option<Game>>, StoreError> {
        each!(self, store => store.load(games, tail).await)
    }

    async fn events_after(
        &self,
        game: GameId,
        after: Sequence,
        limit: PageLimit,
    ) -> Result<Option<EventPage>, StoreError> {
        each!(self, store => store.events_after(game, after, limit).await)
    }

    async fn game_of_session(&self, session: SessionId) -> Result<Option<GameId>, StoreError> {
        each!(self, store => store.game_of_session(session).await)
    }

    async fn stands(&self, games: Vec<GameId>) -> Result<Vec<Option<Stand>>, StoreError> {
        each!(self, store => store.stands(games).await)
    }

    async fn revoked_since(&self, at: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        each!(self, store => store.revoked_since(at).await)
    }

    async fn revoke(&self, which: Revocation, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        each!(self, store => store.revoke(which, now).await)
    }

    async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        each!(self, store => store.clean_up(keep, now).await)
    }

    async fn check(&self) -> Result<(), StoreError> {
        each!(self, store => store.check().await)
    }
}
