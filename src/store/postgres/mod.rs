//! The durable tier for many nodes: a Postgres server that they share.
//!
//! Whatever a write depends on is checked in the statement that writes, so that nodes need no agreement. Rows are
//! locked in the order of their games' names, so that nodes wait for each other and never in a circle.

mod address;
mod append;
mod commit;
mod database;
mod dialer;
#[cfg(test)]
mod faults;
mod lent;
mod marks;
mod migrate;
mod plan;
mod read;
mod recall;
mod removal;
#[cfg(test)]
mod server;
mod tier;
mod tls;
mod writes;

#[cfg(test)]
mod tests;

pub use migrate::migrate;
pub use tier::{OpenOptions, PostgresStore};

type Statement<'v> = super::sql::statement::Statement<'v, diesel::pg::Pg>;
