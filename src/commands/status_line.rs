//! One line on standard error that renews itself, where that is a terminal.

use std::io::{IsTerminal, stderr};

/// Where progress is shown.
pub struct StatusLine {
    renews: bool,
}

impl StatusLine {
    /// A line that nothing stands in yet.
    pub fn open() -> Self {
        Self { renews: stderr().is_terminal() }
    }

    /// Whether it renews itself. Elsewhere, only what is worth a line of its own should be said.
    pub fn renews(&self) -> bool {
        self.renews
    }

    /// Takes the place of what it said before; elsewhere, a line of its own.
    pub fn say(&self, text: &str) {
        if self.renews {
            eprint!("{RENEW}{text}");
        } else {
            eprintln!("{text}");
        }
    }

    /// Clears the line, for what is printed next.
    pub fn clear(&self) {
        if self.renews {
            eprint!("{RENEW}");
        }
    }
}

/// To the start of the line, and clear it.
const RENEW: &str = "\r\x1b[K";
