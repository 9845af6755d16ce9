//! Rejoin itself: the program of this build, its limits lifted as `rejoin load --spawn` lifts them.

use std::{path::Path, process::Command, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use rejoin::client::{AccessClaims, Backend, mint_access_token};

use super::{Services, Venue};
use crate::{
    dialect::Rejoin,
    process::{self, Process},
};

/// What its games are kept in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
    PostgresRedis,
}

pub fn version() -> String {
    let revision = process::run(Command::new("git").args(["describe", "--always", "--dirty"]));
    format!("{} ({})", env!("CARGO_PKG_VERSION"), revision.as_deref().unwrap_or("unknown"))
}

/// Starts it.
pub async fn open(services: &Services, on: On) -> Result<Venue, String> {
    let (address, admin) = (process::free_address(), process::free_address());
    let database = match on {
        On::Sqlite => format!("sqlite://{}", services.fresh_file("rejoin.db").display()),
        On::Postgres | On::PostgresRedis => services.fresh_database().await?,
    };
    let redis = if on == On::PostgresRedis { Some(services.fresh_redis().await?) } else { None };
    let mut server = Process::start("rejoin", services.folder(), Path::new(env!("CARGO_BIN_EXE_rejoin")), |command| {
        command.arg("serve").envs(SETTINGS).env("DATABASE_URL", database);
        command.env("PORT", address.port().to_string()).env("ADMIN_PORT", admin.port().to_string());
        command.env("SESSION_REDIS_READTHROUGH_ENABLED", redis.is_some().to_string());
        command.envs(redis.map(|url| ("SESSION_REDIS_URL", url)));
    })
    .map_err(|error| error.to_string())?;
    server.listens(address).await?;
    let mut parts = vec![("server", server.id())];
    match on {
        On::Sqlite => {}
        On::Postgres => parts.push(services.postgres),
        On::PostgresRedis => parts.extend([services.postgres, services.redis]),
    }
    let entrance = Entrance { backend: Backend::new(&format!("http://{address}"), API_TOKEN) };
    Ok(Venue { address, server, parts, entrance: super::Entrance::Rejoin(entrance) })
}

/// Where its games are made.
pub struct Entrance {
    backend: Backend,
}

impl Entrance {
    pub async fn make_games(&self, names: &[String], members: usize) -> Result<(), String> {
        let make = async |game: &String| {
            let members: Vec<String> = (0..members).map(user_id).collect();
            self.backend.make_game(game, &members, None).await
        };
        let made = stream::iter(names).map(Ok).try_for_each_concurrent(CALLS_AT_ONCE, make).await;
        made.map_err(|error| format!("a game cannot be made: {error}"))
    }
}

/// A member who is let in by a token for this game alone.
pub fn dialect(game: &str, place: usize) -> Rejoin {
    let games = Some(vec![game.to_owned()]);
    let claims = AccessClaims { user_id: user_id(place), games, role: None, lifetime: TOKEN_LIFETIME };
    Rejoin::new(game, mint_access_token(&claims, SECRET).expect("claims of plain text can be signed"))
}

fn user_id(place: usize) -> String {
    format!("user-{place}")
}

/// All clients come from one address, and as fast as they can.
const SETTINGS: [(&str, &str); 11] = [
    ("BIND", "127.0.0.1"),
    ("API_TOKEN", API_TOKEN),
    ("ACCESS_TOKEN_SECRET", SECRET),
    ("SESSION_TOKEN_SECRET", "the session token secret of the peers bench"),
    ("RUN_MIGRATIONS", "true"),
    ("LOG_LEVEL", "warn"),
    ("MAX_CONNECTIONS", "100000"),
    ("MAX_CONNECTIONS_PER_IP", "100000"),
    ("MAX_CONNECTIONS_PER_USER", "100000"),
    ("WS_RATE_PER_SECOND", "1000000"),
    ("WS_RATE_BURST", "1000000"),
];
const API_TOKEN: &str = "the API token of the peers bench and long enough";
const SECRET: &str = "the access token secret of the peers bench";
const CALLS_AT_ONCE: usize = 16;
const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);
