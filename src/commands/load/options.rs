//! The command line of `rejoin load`: every run is bounded in time and in number.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum, value_parser};

use super::LoadError;

/// Put a server under load with real players, and check what each of them sees.
///
/// Each connection is a player of the protocol, over a WebSocket of its own. Every one of them checks that it sees every
/// event once, in order, under the name it was sent with; at the end each game's head is compared with what was
/// confirmed. Ends with a table, and with exit status 1 where anything was amiss, 2 where it could not begin.
#[derive(Debug, Clone, Args)]
pub struct LoadOptions {
    #[command(subcommand)]
    pub scenario: Scenario,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Scenario {
    Play(PlayOptions),
    Storm(StormOptions),
    Idle(IdleOptions),
    Away(AwayOptions),
    Churn(ChurnOptions),
    Mixed(MixedOptions),
}

/// Where the load goes, and what is kept of it.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,
    /// Its listener for operators, which `storm --cold memory` asks
    #[arg(long, default_value = "http://127.0.0.1:8081", value_name = "URL")]
    pub admin_url: String,
    /// Load a server on another machine
    #[arg(long)]
    pub allow_remote: bool,
    /// Start a server of this program, and load that: settings of the environment, free ports, its limits on connections
    /// lifted, in a temporary SQLite where DATABASE_URL is not set
    #[arg(long)]
    pub spawn: bool,
    /// How many connect in a second, while everybody gathers
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = value_parser!(u32).range(1..=20_000))]
    pub ramp: u32,
    /// Threads of the load itself, which shares the machine with a server on it
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = value_parser!(u8).range(1..=64))]
    pub workers: u8,
    /// Leave the games, to look into them
    #[arg(long)]
    pub keep: bool,
    /// Write the numbers as JSON, `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Games between players who move in turn, one move under way in each game.
#[derive(Debug, Clone, Args)]
pub struct PlayOptions {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub table: Table,
    /// Moves a second in each game, by a schedule that waits for nobody; left out: each as soon as the one before is seen
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
    /// Moves in each game; the run is over when all are played
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=10_000_000))]
    pub moves: Option<u64>,
    #[command(flatten)]
    pub style: MoveOptions,
    /// Games beside those that are played, which only lie in the server's memory
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = value_parser!(u32).range(0..=10_000_000))]
    pub resident: u32,
    /// How long to play
    #[arg(long = "for", default_value = "30s", value_name = "DURATION", value_parser = span)]
    pub lasting: Duration,
}

/// Everybody loses the connection at once, and comes back, at once or at a rate, to a tail of missed events.
#[derive(Debug, Clone, Args)]
pub struct StormOptions {
    #[command(flatten)]
    pub common: Common,
    /// Players who are lost at once
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = value_parser!(u32).range(1..=60_000))]
    pub connections: u32,
    /// Players in each game
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = value_parser!(u32).range(1..=64))]
    pub players: u32,
    /// Events that each of them misses
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = value_parser!(u64).range(0..=10_000))]
    pub tail: u64,
    /// What has been forgotten when they come back
    #[arg(long, default_value = "none", value_enum)]
    pub cold: Cold,
    /// How many come back in a second, by a schedule that waits for nobody; left out: everybody at once
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
    /// How many storms, one after the other
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000))]
    pub rounds: u32,
    /// Bytes of each payload
    #[arg(long, default_value_t = 100, value_name = "BYTES", value_parser = value_parser!(u32).range(40..=60_000))]
    pub payload: u32,
    /// How long a storm may take from when the last one was to come back until everybody is back
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = span)]
    pub within: Duration,
}

/// What a server does not have in memory any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Cold {
    /// Nothing: every game is in memory
    None,
    /// The games: they were flushed, Redis has them still
    Memory,
    /// Everything: Redis was flushed, and the server killed and started again (with --spawn)
    All,
}

/// Connections that are held, and do nothing but answer pings.
#[derive(Debug, Clone, Args)]
pub struct IdleOptions {
    #[command(flatten)]
    pub common: Common,
    /// Connections
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = value_parser!(u32).range(1..=60_000))]
    pub connections: u32,
    /// Players in each game
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = value_parser!(u32).range(1..=64))]
    pub players: u32,
    /// How long to hold them, once all are there
    #[arg(long = "for", default_value = "30s", value_name = "DURATION", value_parser = span)]
    pub lasting: Duration,
}

/// Seats whose players are away: taken over HTTP, in games with a tail of events that nobody is connected to.
#[derive(Debug, Clone, Args)]
pub struct AwayOptions {
    #[command(flatten)]
    pub common: Common,
    /// Seats
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub seats: u32,
    /// Players in each game
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = value_parser!(u32).range(1..=64))]
    pub players: u32,
    /// Events in each game
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = value_parser!(u32).range(0..=256))]
    pub events: u32,
    /// Bytes of each payload
    #[arg(long, default_value_t = 75, value_name = "BYTES", value_parser = value_parser!(u32).range(40..=10_000))]
    pub payload: u32,
    /// How long to let them be, once all are there
    #[arg(long = "for", default_value = "3s", value_name = "DURATION", value_parser = span)]
    pub lasting: Duration,
}

/// Sessions that are made, used once, and revoked or left to expire, by turns, each in a game of its own.
#[derive(Debug, Clone, Args)]
pub struct ChurnOptions {
    #[command(flatten)]
    pub common: Common,
    /// Sessions a second, by a schedule that waits for nobody
    #[arg(long, default_value = "50", value_name = "N", value_parser = rate)]
    pub rate: f64,
    /// Sessions; the run is over when all have come and gone
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=10_000_000))]
    pub sessions: Option<u64>,
    /// How long a session lives without its user, on a server of --spawn; on another, only sessions that expire within a
    /// minute are waited for
    #[arg(long, default_value = "3s", value_name = "DURATION", value_parser = span)]
    pub ttl: Duration,
    /// How long sessions are made
    #[arg(long = "for", default_value = "30s", value_name = "DURATION", value_parser = span)]
    pub lasting: Duration,
}

/// All of it at once: games, players who drop and come back at random, idle connections, sessions that come and go.
#[derive(Debug, Clone, Args)]
pub struct MixedOptions {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub table: Table,
    /// How long a player thinks about a move
    #[arg(long, default_value = "500ms", value_name = "DURATION", value_parser = pause)]
    pub think: Duration,
    #[command(flatten)]
    pub style: MoveOptions,
    /// How long a player stays connected before it is lost, on average
    #[arg(long, default_value = "20s", value_name = "DURATION", value_parser = pause)]
    pub drop_every: Duration,
    /// How long it stays away at most
    #[arg(long, default_value = "2s", value_name = "DURATION", value_parser = pause)]
    pub away: Duration,
    /// Connections that do nothing
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = value_parser!(u32).range(0..=60_000))]
    pub idle: u32,
    /// Sessions a second that come and go
    #[arg(long, default_value = "5", value_name = "N", value_parser = rate)]
    pub churn: f64,
    /// How long to go on
    #[arg(long = "for", default_value = "30s", value_name = "DURATION", value_parser = span)]
    pub lasting: Duration,
}

/// How many games of how many.
#[derive(Debug, Clone, Copy, Args)]
pub struct Table {
    /// Games at the same time
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = value_parser!(u32).range(1..=30_000))]
    pub games: u32,
    /// Players in each game
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = value_parser!(u32).range(1..=64))]
    pub players: u32,
}

/// What a move is like.
#[derive(Debug, Clone, Copy, Args)]
pub struct MoveOptions {
    /// Bytes of each payload
    #[arg(long, default_value_t = 100, value_name = "BYTES", value_parser = value_parser!(u32).range(40..=60_000))]
    pub payload: u32,
    /// Each player acknowledges every so many events
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = value_parser!(u64).range(1..=1_000_000))]
    pub ack_every: u64,
}

impl Table {
    /// Players of all games together.
    ///
    /// # Errors
    /// `TooMany`: more than one address can connect.
    pub fn connections(self) -> Result<u32, LoadError> {
        let connections = self.games * self.players;
        if connections > MOST_CONNECTIONS { Err(LoadError::TooMany { connections }) } else { Ok(connections) }
    }
}

impl Scenario {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Play(_) => "play",
            Self::Storm(_) => "storm",
            Self::Idle(_) => "idle",
            Self::Away(_) => "away",
            Self::Churn(_) => "churn",
            Self::Mixed(_) => "mixed",
        }
    }

    /// What all scenarios are told.
    pub fn common(&self) -> &Common {
        match self {
            Self::Play(options) => &options.common,
            Self::Storm(options) => &options.common,
            Self::Idle(options) => &options.common,
            Self::Away(options) => &options.common,
            Self::Churn(options) => &options.common,
            Self::Mixed(options) => &options.common,
        }
    }

    /// Connections at the same time, at most.
    ///
    /// # Errors
    /// As [`Table::connections`].
    pub fn connections(&self) -> Result<u32, LoadError> {
        match self {
            Self::Play(options) => options.table.connections(),
            Self::Storm(options) => Ok(options.connections),
            Self::Idle(options) => Ok(options.connections),
            // Those of the HTTP calls are among what is always allowed for.
            Self::Away(_) => Ok(0),
            Self::Churn(_) => Ok(MOST_SESSIONS),
            Self::Mixed(options) => Ok(options.table.connections()? + options.idle + MOST_SESSIONS),
        }
    }
}

/// The ports that one address has for one other.
pub const MOST_CONNECTIONS: u32 = 60_000;
/// Sessions under way at the same time; one more waits, and that is measured.
pub const MOST_SESSIONS: u32 = 500;
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

fn span(text: &str) -> Result<Duration, String> {
    let span = pause(text)?;
    if span < Duration::from_secs(1) { Err("expected a second or more".to_owned()) } else { Ok(span) }
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause = humantime::parse_duration(text).map_err(|error| format!("{error}: expected 45m, 20s or the like"))?;
    if pause > LONGEST || pause.is_zero() { Err("expected up to 24h, and not nothing".to_owned()) } else { Ok(pause) }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number a second".to_owned())?;
    if (0.01..=100_000.0).contains(&rate) { Ok(rate) } else { Err("expected from 0.01 to 100000 a second".to_owned()) }
}
