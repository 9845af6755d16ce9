//! What was checked, and what did not hold.

/// Counts checks and keeps, in plain words, those that failed.
#[derive(Debug, Default)]
pub struct Findings {
    pub checks: usize,
    pub misses: Vec<String>,
}

impl Findings {
    /// Checks one thing. `miss` says what was wrong, should it not hold.
    pub fn check(&mut self, holds: bool, miss: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.misses.push(miss());
        }
    }

    /// Notes what went wrong without having been looked for.
    pub fn miss(&mut self, miss: String) {
        self.misses.push(miss);
    }
}
