//! What players of a run share, how they behave, and what they are told.

use std::{sync::atomic::AtomicU64, time::Duration};

use tokio::time::Instant;

use super::tally::Tally;

/// One game of a run, as its players and those who judge them share it.
pub struct Game {
    pub id: String,
    /// How many games were made before it.
    pub number: u32,
    /// Which part of the interval between two moves its schedule begins after, so that not all games move at once.
    pub offset: f64,
    /// The last move that was sent, and the last that was confirmed to its sender.
    pub sent: AtomicU64,
    pub confirmed: AtomicU64,
    /// The last event that each player has seen.
    pub seen: Box<[AtomicU64]>,
}

impl Game {
    /// When a move is due by a schedule that began at `from`.
    pub fn due(&self, sequence: u64, from: Instant, interval: Duration) -> Instant {
        #[expect(clippy::cast_precision_loss, reason = "no game has so many moves")]
        let intervals = (sequence - 1) as f64 + self.offset;
        from + interval.mul_f64(intervals)
    }

    /// How many players have a seat before this one, in all games of as many.
    pub fn seats_before(&self, place: usize) -> u32 {
        let [players, place] = [self.seen.len(), place].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        self.number * players + place
    }
}

/// When a player moves, once it is its turn.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// Never.
    Silent,
    /// At once.
    AtOnce,
    /// By a schedule of the game, which does not wait for a server that is late.
    Every(Duration),
    /// So long after the turn has begun.
    Thinking(Duration),
}

/// How players of a run behave.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub pace: Pace,
    pub payload_bytes: usize,
    pub ack_every: u64,
    /// The last move of a game.
    pub moves: u64,
    pub drops: Option<Drops>,
}

/// Players who are lost at random.
#[derive(Debug, Clone, Copy)]
pub struct Drops {
    /// On average.
    pub every: Duration,
    /// At most.
    pub away: Duration,
}

/// What everybody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Be there, and wait.
    Gathering,
    /// Play, from the first moment to the last. Nothing is said after this.
    Playing { from: Instant, until: Instant },
    /// Lose the connection.
    Away,
    /// Come back from this moment on, by a schedule: one so long after the other. At once where that is nothing.
    Back { from: Instant, apart: Duration },
}

/// What all players of a run have in common.
pub struct Run {
    pub tally: Tally,
    /// What times in payloads count from.
    pub began: Instant,
}
