//! The outcome, as a table a person can read.

use std::{fmt, process::ExitCode, time::Duration};

use super::findings::Findings;

/// How one game went.
#[derive(Debug)]
pub struct GameReport {
    pub game_id: String,
    pub moves_played: u64,
    pub moves_total: usize,
    /// Connections we cut.
    pub cuts: u32,
    /// Connections that ended without us.
    pub losses: u32,
    /// Events that came in a replay after a return.
    pub replayed: u64,
    /// Moves that were sent more than once.
    pub resent: u32,
    /// From dialling to the last replayed event, for each return.
    pub resume_latencies: Vec<Duration>,
    pub findings: Findings,
}

/// How the run went.
#[derive(Debug)]
pub struct SmokeReport {
    pub url: String,
    pub took: Duration,
    pub games: Vec<GameReport>,
}

impl SmokeReport {
    /// Whether nothing was amiss.
    pub fn passed(&self) -> bool {
        self.games.iter().all(|game| game.findings.misses.is_empty())
    }

    /// 0 where it passed, else 1.
    pub fn exit_code(&self) -> ExitCode {
        if self.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Prints the report to standard output.
    pub fn print(&self) {
        print!("{self}");
    }

    fn write_latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: Vec<Duration> = self.games.iter().flat_map(|game| game.resume_latencies.iter().copied()).collect();
        all.sort_unstable();
        let Some(max) = all.last() else { return writeln!(f, "no connection was resumed") };
        let (p50, p95) = (percentile(&all, 50), percentile(&all, 95));
        writeln!(
            f,
            "{} resumes, from dialling to the last replayed event: p50 {}, p95 {}, max {}",
            all.len(),
            milliseconds(p50),
            milliseconds(p95),
            milliseconds(*max)
        )
    }

    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        if self.passed() {
            let checks: usize = self.games.iter().map(|game| game.findings.checks).sum();
            return writeln!(
                f,
                "passed: {checks} checks in {seconds:.1} s; both sides of each game saw every move once, in order"
            );
        }
        let misses = self.games.iter().map(|game| game.findings.misses.len()).sum::<usize>();
        writeln!(f, "FAILED after {seconds:.1} s against {}, {misses} misses:", self.url)?;
        for game in &self.games {
            for miss in game.findings.misses.iter().take(MISSES_SHOWN) {
                writeln!(f, "  {}: {miss}", game.game_id)?;
            }
            let hidden = game.findings.misses.len().saturating_sub(MISSES_SHOWN);
            if hidden > 0 {
                writeln!(f, "  {}: and {hidden} more", game.game_id)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for SmokeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.games.iter().map(|game| game.game_id.len()).max().unwrap_or_default().max("game".len());
        writeln!(
            f,
            "{:<width$}  {:>7}  {:>4}  {:>6}  {:>8}  {:>6}  {:>6}  result",
            "game", "moves", "cuts", "losses", "replayed", "resent", "checks"
        )?;
        for game in &self.games {
            let moves = format!("{}/{}", game.moves_played, game.moves_total);
            let result = match game.findings.misses.len() {
                0 => "ok".to_owned(),
                1 => "1 miss".to_owned(),
                misses => format!("{misses} misses"),
            };
            writeln!(
                f,
                "{:<width$}  {moves:>7}  {:>4}  {:>6}  {:>8}  {:>6}  {:>6}  {result}",
                game.game_id, game.cuts, game.losses, game.replayed, game.resent, game.findings.checks
            )?;
        }
        writeln!(f)?;
        self.write_latencies(f)?;
        self.write_verdict(f)
    }
}

/// The smallest value that at least `percent` of all do not exceed. `sorted` is not empty.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// A broken server breaks every move; the first few say enough.
const MISSES_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(misses: Vec<String>) -> SmokeReport {
        let game = GameReport {
            game_id: "smoke-1a2b3c4d-1".into(),
            moves_played: 90,
            moves_total: 90,
            cuts: 11,
            losses: 0,
            replayed: 25,
            resent: 1,
            resume_latencies: (1..=20).map(Duration::from_millis).collect(),
            findings: Findings { checks: 240, misses },
        };
        SmokeReport { url: "http://h".into(), took: Duration::from_millis(1500), games: vec![game] }
    }

    #[test]
    fn a_good_run_reads_like_this() {
        let expected = "\
game                moves  cuts  losses  replayed  resent  checks  result
smoke-1a2b3c4d-1    90/90    11       0        25       1     240  ok

20 resumes, from dialling to the last replayed event: p50 10.0 ms, p95 19.0 ms, max 20.0 ms
passed: 240 checks in 1.5 s; both sides of each game saw every move once, in order
";
        assert_eq!(report(Vec::new()).to_string(), expected);
    }

    #[test]
    fn each_miss_is_told_in_its_own_line() {
        let report = report(vec!["white: event 34 came after 32".into()]);

        assert!(!report.passed());
        assert!(report.to_string().ends_with("1 misses:\n  smoke-1a2b3c4d-1: white: event 34 came after 32\n"));
    }
}
