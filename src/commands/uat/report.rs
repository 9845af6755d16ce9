//! The outcome, as a table for the terminal and as a page for the release ticket.

use std::{fmt, fs, io, path::Path, process::ExitCode, time::Duration};

use super::scenario::{Miss, Scenario, Seen};

/// One scenario, and how it went.
pub struct Played {
    pub scenario: &'static Scenario,
    pub game_id: String,
    pub took: Duration,
    pub outcome: Seen,
}

/// How the run went.
pub struct UatReport {
    pub url: String,
    pub took: Duration,
    pub played: Vec<Played>,
}

impl UatReport {
    /// Whether every scenario passed.
    pub fn passed(&self) -> bool {
        self.played.iter().all(|played| played.outcome.is_ok())
    }

    /// 0 where it passed, else 1.
    pub fn exit_code(&self) -> ExitCode {
        if self.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Writes the page.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, self.page())
    }

    fn page(&self) -> String {
        let Self { url, played, .. } = self;
        let mut page = format!("# Acceptance test of {url}\n\n{}\n", self.verdict());
        page += "\n| | scenario | result | took |\n| --- | --- | --- | --- |\n";
        for (number, one) in (1..).zip(played) {
            page += &format!("| {number} | {} | {} | {} |\n", one.scenario.name, one.result(), seconds(one.took));
        }
        for (number, one) in (1..).zip(played) {
            page += &format!("\n## {number}. {}\n\n", one.scenario.name);
            for (step, words) in (1..).zip(one.scenario.steps) {
                page += &format!("{step}. {words}\n");
            }
            page += &format!("\n| | |\n| --- | --- |\n| expected | {} |\n", cell(one.scenario.expected));
            page += &format!("| seen | {} |\n| result | {} |\n", cell(one.seen()), one.result());
            page += &format!("| took | {} |\n| game | `{}` |\n", seconds(one.took), one.game_id);
        }
        page += "\n| played by | accepted | on |\n| --- | --- | --- |\n| | yes / no | |\n";
        page
    }

    fn verdict(&self) -> String {
        let (all, took) = (self.played.len(), seconds(self.took));
        let passed = self.played.iter().filter(|played| played.outcome.is_ok()).count();
        if self.passed() {
            format!("passed: {all} scenarios in {took}")
        } else {
            format!("FAILED: {passed} of {all} scenarios passed, in {took}")
        }
    }
}

impl Played {
    fn result(&self) -> &'static str {
        match &self.outcome {
            Ok(_) => "ok",
            Err(Miss::Failed(_)) => "FAILED",
            Err(Miss::NotSupported(_)) => "not supported",
        }
    }

    fn seen(&self) -> &str {
        match &self.outcome {
            Ok(seen) | Err(Miss::Failed(seen) | Miss::NotSupported(seen)) => seen,
        }
    }
}

impl fmt::Display for UatReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.played.iter().map(|played| played.scenario.name.len()).max().unwrap_or_default();
        writeln!(f, "{:<width$}  {:>6}  result", "scenario", "took")?;
        for one in &self.played {
            writeln!(f, "{:<width$}  {:>6}  {}", one.scenario.name, seconds(one.took), one.result())?;
        }
        writeln!(f)?;
        for one in self.played.iter().filter(|one| one.outcome.is_err()) {
            writeln!(f, "{} ({})", one.scenario.name, one.game_id)?;
            writeln!(f, "  expected: {}", one.scenario.expected)?;
            writeln!(f, "  seen:     {}", one.seen())?;
        }
        writeln!(f, "{}", self.verdict())
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A text that cannot break out of its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::{super::scenario::Playing, *};

    static SCENARIO: Scenario = Scenario {
        name: "a lost connection comes back",
        steps: &["it is lost", "it comes back"],
        expected: "the same session",
        play: never,
    };

    fn never(_: &super::super::Stage) -> Playing<'_> {
        Box::pin(std::future::pending())
    }

    fn report(outcomes: Vec<Seen>) -> UatReport {
        let played = |outcome| {
            let (game_id, took) = ("uat-1a2b3c4d-1".to_owned(), Duration::from_millis(120));
            Played { scenario: &SCENARIO, game_id, took, outcome }
        };
        let played = outcomes.into_iter().map(played).collect();
        UatReport { url: "http://h".to_owned(), took: Duration::from_millis(240), played }
    }

    #[test]
    fn a_good_run_reads_like_this() {
        let expected = "\
scenario                        took  result
a lost connection comes back   0.1 s  ok

passed: 1 scenarios in 0.2 s
";
        assert_eq!(report(vec![Ok("as expected".to_owned())]).to_string(), expected);
    }

    #[test]
    fn what_fails_is_told_with_what_was_expected() {
        let report = report(vec![Ok(String::new()), Err(Miss::Failed("another session".to_owned()))]);

        assert!(!report.passed());
        let expected = "a lost connection comes back (uat-1a2b3c4d-1)\n  expected: the same session\n  \
                        seen:     another session\nFAILED: 1 of 2 scenarios passed, in 0.2 s\n";
        assert!(report.to_string().ends_with(expected), "{report}");
    }

    #[test]
    fn what_the_server_cannot_do_is_no_success() {
        let report = report(vec![Err(Miss::NotSupported("no clocks".to_owned()))]);

        assert!(!report.passed());
        assert!(report.to_string().contains("not supported"), "{report}");
    }

    #[test]
    fn the_page_tells_each_scenario_in_full() {
        let page = report(vec![Err(Miss::Failed("a|b\nc".to_owned()))]).page();

        let expected = "\
# Acceptance test of http://h

FAILED: 0 of 1 scenarios passed, in 0.2 s

| | scenario | result | took |
| --- | --- | --- | --- |
| 1 | a lost connection comes back | FAILED | 0.1 s |

## 1. a lost connection comes back

1. it is lost
2. it comes back

| | |
| --- | --- |
| expected | the same session |
| seen | a\\|b c |
| result | FAILED |
| took | 0.1 s |
| game | `uat-1a2b3c4d-1` |

| played by | accepted | on |
| --- | --- | --- |
| | yes / no | |
";
        assert_eq!(page, expected);
    }
}
