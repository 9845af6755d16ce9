//! Where a comparison takes place: each peer's server, started afresh for every turn, and the stores below them.

mod centrifugo;
mod rejoin;
mod services;
mod socketio;

use std::net::SocketAddr;

use crate::{dialect::Dialect, process::Process, seat::Seat, usage::Part};

pub use services::{Services, connect_redis};

/// Who is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    RejoinSqlite,
    RejoinPostgres,
    RejoinPostgresRedis,
    SocketIo,
    CentrifugoRedis,
    CentrifugoPostgres,
}

impl Peer {
    pub const ALL: [Self; 6] = [
        Self::RejoinSqlite,
        Self::RejoinPostgres,
        Self::RejoinPostgresRedis,
        Self::SocketIo,
        Self::CentrifugoRedis,
        Self::CentrifugoPostgres,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::RejoinSqlite => "Rejoin on SQLite",
            Self::RejoinPostgres => "Rejoin on Postgres",
            Self::RejoinPostgresRedis => "Rejoin on Postgres + Redis",
            Self::SocketIo => "Socket.IO on Redis streams",
            Self::CentrifugoRedis => "Centrifugo on Redis",
            Self::CentrifugoPostgres => "Centrifugo on Postgres",
        }
    }

    /// What must be there before it can start, fetched where it is not. Returns its version.
    ///
    /// # Errors
    /// Why it cannot run here.
    pub fn prepare(self) -> Result<String, String> {
        match self {
            Self::RejoinSqlite | Self::RejoinPostgres | Self::RejoinPostgresRedis => Ok(rejoin::version()),
            Self::SocketIo => socketio::prepare(),
            Self::CentrifugoRedis | Self::CentrifugoPostgres => centrifugo::prepare(),
        }
    }

    /// Starts its server on empty stores.
    ///
    /// # Errors
    /// It does not start: its last words.
    pub async fn open(self, services: &Services) -> Result<Venue, String> {
        match self {
            Self::RejoinSqlite => rejoin::open(services, rejoin::On::Sqlite).await,
            Self::RejoinPostgres => rejoin::open(services, rejoin::On::Postgres).await,
            Self::RejoinPostgresRedis => rejoin::open(services, rejoin::On::PostgresRedis).await,
            Self::SocketIo => socketio::open(services).await,
            Self::CentrifugoRedis => centrifugo::open(services, centrifugo::On::Redis).await,
            Self::CentrifugoPostgres => centrifugo::open(services, centrifugo::On::Postgres).await,
        }
    }
}

/// A server that runs, and what its clients need.
pub struct Venue {
    address: SocketAddr,
    server: Process,
    /// Whose processor time counts.
    pub parts: Vec<Part>,
    entrance: Entrance,
}

/// How one gets in, and what that takes.
enum Entrance {
    Rejoin(rejoin::Entrance),
    SocketIo,
    Centrifugo,
}

impl Venue {
    /// Makes games with so many members each, where the peer knows of games at all.
    ///
    /// # Errors
    /// It refuses.
    pub async fn make_games(&self, names: &[String], members: usize) -> Result<(), String> {
        match &self.entrance {
            Entrance::Rejoin(entrance) => entrance.make_games(names, members).await,
            Entrance::SocketIo | Entrance::Centrifugo => Ok(()),
        }
    }

    /// A seat in a game that nobody has taken yet.
    pub fn seat(&self, game: &str, place: usize) -> Seat {
        let dialect: Box<dyn Dialect> = match &self.entrance {
            Entrance::Rejoin(_) => Box::new(rejoin::dialect(game, place)),
            Entrance::SocketIo => Box::new(crate::dialect::SocketIo::new(game)),
            Entrance::Centrifugo => Box::new(crate::dialect::Centrifugo::new(game)),
        };
        Seat::new(self.address, dialect)
    }

    /// What the server said last.
    pub fn last_words(&self) -> String {
        self.server.last_words()
    }
}
