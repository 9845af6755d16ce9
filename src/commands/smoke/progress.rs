//! Says how far the games are: one line that renews itself on a terminal, a line a game elsewhere.

use std::{
    io::{IsTerminal, stderr},
    sync::atomic::{AtomicU64, Ordering},
};

use super::GameReport;

/// How far each game of one round is. Writes to standard error.
pub struct Progress {
    round: u32,
    renews: bool,
    rows: Vec<Row>,
}

struct Row {
    played: AtomicU64,
    of: usize,
}

impl Progress {
    /// `lengths` are the games' numbers of moves.
    pub fn new(round: u32, lengths: impl Iterator<Item = usize>) -> Self {
        let rows = lengths.map(|of| Row { played: AtomicU64::new(0), of }).collect();
        Self { round, renews: stderr().is_terminal(), rows }
    }

    /// Game `index` is at this move.
    pub fn moved(&self, index: usize, move_number: u64) {
        self.rows[index].played.store(move_number, Ordering::Relaxed);
        if !self.renews {
            return;
        }
        let rows: Vec<String> = self
            .rows
            .iter()
            .enumerate()
            .map(|(index, row)| format!("{}: {}/{}", index + 1, row.played.load(Ordering::Relaxed), row.of))
            .collect();
        eprint!("{RENEW}round {}  {}", self.round, rows.join("   "));
    }

    /// Game `index` is over.
    pub fn finished(&self, index: usize, report: &GameReport) {
        if !self.renews {
            let GameReport { game_id, moves_played, .. } = report;
            eprintln!("round {} game {}: {moves_played} moves played ({game_id})", self.round, index + 1);
        }
    }

    /// Clears the line, for what is printed next.
    pub fn done(&self) {
        if self.renews {
            eprint!("{RENEW}");
        }
    }
}

/// To the start of the line, and clear it.
const RENEW: &str = "\r\x1b[K";
