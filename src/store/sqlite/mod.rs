//! The durable tier for one machine: a SQLite file in WAL mode.
//!
//! One thread owns the one connection that writes, so that writes never wait for each other's locks; a few connections
//! read beside it. Other processes may hold the same file: whatever a write depends on is checked inside of its
//! transaction.

mod append;
mod commit;
mod connection;
mod functions;
mod migrate;
mod read;
mod readers;
mod removal;
mod tier;
mod writer;

#[cfg(test)]
mod tests;

pub use migrate::migrate;
pub use tier::{OpenOptions, SqliteStore};

type Statement<'v> = super::sql::statement::Statement<'v, diesel::sqlite::Sqlite>;
