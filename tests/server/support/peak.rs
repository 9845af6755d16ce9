//! The most memory a server held while something went on.

use super::Server;

/// What a server held at first, and at most since.
pub struct Peak {
    at_first: u64,
    at_most: u64,
}

impl Peak {
    /// Starts with what the server holds now.
    pub fn from_now(server: &Server) -> Self {
        let now = server.resident_bytes();
        Self { at_first: now, at_most: now }
    }

    /// Looks again.
    pub fn look(&mut self, server: &Server) {
        self.at_most = self.at_most.max(server.resident_bytes());
    }

    /// How much more it was at most, in KiB.
    pub fn growth_kib(&self) -> u64 {
        (self.at_most - self.at_first) / 1_024
    }
}
