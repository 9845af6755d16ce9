//! Says how far the games are: one line that renews itself on a terminal, a line a game elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

use super::GameReport;
use crate::commands::status_line::StatusLine;

/// How far each game of one round is. Writes to standard error.
pub struct Progress {
    round: u32,
    line: StatusLine,
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
        Self { round, line: StatusLine::open(), rows }
    }

    /// Game `index` is at this move.
    pub fn moved(&self, index: usize, move_number: u64) {
        self.rows[index].played.store(move_number, Ordering::Relaxed);
        if !self.line.renews() {
            return;
        }
        let rows: Vec<String> = self
            .rows
            .iter()
            .enumerate()
            .map(|(index, row)| format!("{}: {}/{}", index + 1, row.played.load(Ordering::Relaxed), row.of))
            .collect();
        self.line.say(&format!("round {}  {}", self.round, rows.join("   ")));
    }

    /// Game `index` is over.
    pub fn finished(&self, index: usize, report: &GameReport) {
        if !self.line.renews() {
            let GameReport { game_id, moves_played, .. } = report;
            self.line.say(&format!("round {} game {}: {moves_played} moves played ({game_id})", self.round, index + 1));
        }
    }

    /// Clears the line, for what is printed next.
    pub fn done(&self) {
        self.line.clear();
    }
}
