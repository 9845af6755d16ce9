//! How large a comparison is.

use std::{env, path::PathBuf, time::Duration};

use clap::Parser;

/// Measures Rejoin and its peers in one run on this machine.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Games of two that are played at the same time
    #[arg(long, default_value_t = 1_000)]
    pub games: usize,
    /// Seconds that each play is measured, after two of warming up
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
    /// Players of the large storm; the small one has a fifth of them
    #[arg(long, default_value_t = 1_000)]
    pub players: usize,
    /// Times that everybody has a turn
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Only these peers, by the beginning of their names
    #[arg(long)]
    pub only: Vec<String>,
    /// A trial: 20 games, one second, 20 players, one round
    #[arg(long)]
    pub quick: bool,
    /// Writes the section of this page, and plots and numbers into the folder of its name beside it
    #[arg(long, value_name = "PAGE")]
    pub write: Option<PathBuf>,
}

impl Options {
    /// Those of the command line, with a trial's sizes where one is asked for.
    pub fn read() -> Self {
        // Cargo says `--bench`, wherever it likes.
        let options = Self::parse_from(env::args().filter(|argument| argument != "--bench"));
        if options.quick { Self { games: 20, seconds: 1, players: 20, rounds: 1, ..options } } else { options }
    }

    pub fn lasting(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How many players the storms have.
    pub fn storms(&self) -> [usize; 2] {
        [(self.players / 5).max(2), self.players.max(2)]
    }
}

/// Events that each player of a storm misses.
pub const MISSED: u64 = 50;
/// How long a storm is waited for.
pub const STORM_WITHIN: Duration = Duration::from_secs(60);
