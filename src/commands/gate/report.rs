//! The outcome, and the evidence for it: a page for the release ticket, with a plot of each gate beside it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    gates::Gate,
    judgement::{Judgement, Verdict},
    minutes,
    prometheus::PrometheusUrl,
};
use crate::commands::{moment::Moment, plot::Plot};

/// What was seen.
pub struct GateReport {
    pub prometheus: PrometheusUrl,
    pub from: Moment,
    pub to: Moment,
    /// How long it was meant to be watched, and how often it was looked at.
    pub asked: Duration,
    pub every: Duration,
    pub builds: Vec<String>,
    /// Every gate and how it stood, in the order of the gates.
    pub gates: Vec<(&'static Gate, Judgement)>,
    /// Why it was not watched to the end.
    pub cut_short: Option<String>,
    pub allow_no_data: bool,
}

impl GateReport {
    /// Whether the rollout may go on.
    pub fn is_go(&self) -> bool {
        self.cut_short.is_none() && self.obstacles().next().is_none()
    }

    /// Writes the page, and the plots beside it; returns how many these are.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, page: &Path) -> io::Result<usize> {
        for (gate, judgement) in &self.gates {
            fs::write(plot_path(page, gate), self.plot(gate, judgement))?;
        }
        fs::write(page, self.page(page))?;
        Ok(self.gates.len())
    }

    /// The gates that stand in the way.
    fn obstacles(&self) -> impl Iterator<Item = &(&'static Gate, Judgement)> {
        // Where nothing was seen at all, nobody was watched.
        let allow_no_data = self.allow_no_data && self.holding() > 0;
        self.gates.iter().filter(move |(_, judgement)| match judgement.verdict {
            Verdict::Holds => false,
            Verdict::Fails => true,
            // One that had data and has none any more is about somebody who is gone.
            Verdict::NoData => !allow_no_data || judgement.worst.is_some(),
        })
    }

    fn holding(&self) -> usize {
        self.gates.iter().filter(|(_, judgement)| judgement.verdict == Verdict::Holds).count()
    }

    fn plot(&self, gate: &Gate, judgement: &Judgement) -> String {
        let show = |value| gate.unit.show(value);
        let plot = Plot {
            title: gate.name,
            lines: &judgement.lines,
            names: &[],
            limit: Some((gate.bound.limit(), &gate.threshold())),
            from: self.from,
            to: self.to,
            show: &show,
        };
        plot.svg()
    }

    fn page(&self, path: &Path) -> String {
        let watched = self.to.since(self.from);
        let mut page = format!("# {}\n\n```text\n{self}```\n\n", if self.is_go() { "GO" } else { "NO-GO" });
        page += &format!("| | |\n| --- | --- |\n| from | {} |\n| to | {} |\n", self.from, self.to);
        let (watched, asked, every) = (minutes(watched), minutes(self.asked), minutes(self.every));
        page += &format!("| watched | {watched} of {asked}, every {every} |\n| Prometheus | {} |\n", self.prometheus);
        for build in &self.builds {
            page += &format!("| build | {build} |\n");
        }
        page += "\n| gate | threshold | worst | when | verdict |\n| --- | --- | --- | --- | --- |\n";
        for (gate, judgement) in &self.gates {
            let (worst, when) = judgement
                .worst
                .map_or(("-".to_owned(), "-".to_owned()), |worst| (gate.unit.show(worst.value), worst.at.to_string()));
            let verdict = verdict(judgement);
            page += &format!("| {} | {} | {worst} | {when} | {verdict} |\n", gate.name, gate.threshold());
        }
        page += "\n| reviewed by | decision | on |\n| --- | --- | --- |\n| | GO / NO-GO | |\n| | GO / NO-GO | |\n";
        for (gate, _) in &self.gates {
            let plot = plot_path(path, gate);
            let plot = plot.file_name().unwrap_or_default().to_string_lossy();
            page += &format!("\n## {}\n\n```text\n{}\n```\n\n", gate.name, gate.question.promql());
            if let Some(note) = gate.question.note() {
                page += &format!("{note}\n\n");
            }
            page += &format!("![{}]({plot})\n", gate.name);
        }
        page
    }
}

/// `NO-GO` and the gates in the way, a line each.
impl fmt::Display for GateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watched = minutes(self.to.since(self.from));
        if self.is_go() {
            writeln!(f, "GO: {} gates held for {watched}", self.holding())?;
            let mut unseen = self.gates.iter().filter(|(_, judgement)| judgement.verdict == Verdict::NoData);
            return unseen.try_for_each(|(gate, _)| writeln!(f, "  {}: no data, which is allowed", gate.name));
        }
        writeln!(f, "NO-GO after {watched}")?;
        if let Some(reason) = &self.cut_short {
            writeln!(f, "  {reason}")?;
        }
        for (gate, judgement) in self.obstacles() {
            write!(f, "  {}: ", gate.name)?;
            match (judgement.worst, judgement.failing) {
                (Some(worst), Some((first, last))) => {
                    let (threshold, value) = (gate.threshold(), gate.unit.show(worst.value));
                    writeln!(f, "{threshold}, was {value} at {}; failed from {first} to {last}", worst.at)?;
                }
                (Some(_), None) => writeln!(f, "no data any more")?,
                (None, _) => writeln!(f, "no data")?,
            }
        }
        Ok(())
    }
}

fn verdict(judgement: &Judgement) -> String {
    match (judgement.verdict, judgement.failing) {
        (Verdict::Holds, _) => "holds".to_owned(),
        (Verdict::NoData, _) => "no data".to_owned(),
        (Verdict::Fails, None) => "**fails**".to_owned(),
        (Verdict::Fails, Some((first, last))) => format!("**fails** from {first} to {last}"),
    }
}

/// `gate-report.md` has its plots in `gate-report-hit-rate.svg` and so on.
fn plot_path(page: &Path, gate: &Gate) -> PathBuf {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy();
    page.with_file_name(format!("{stem}-{}.svg", gate.slug()))
}

#[cfg(test)]
mod tests {
    use super::{super::gates::GATES, *};
    use crate::commands::moment::Point;

    fn holding(value: f64) -> Judgement {
        let point = Point { at: Moment(1_700_000_015.0), value };
        let lines = vec![vec![point]];
        Judgement { verdict: Verdict::Holds, worst: Some(point), latest: Some(point), failing: None, lines }
    }

    fn report(gates: Vec<(&'static Gate, Judgement)>, allow_no_data: bool) -> GateReport {
        GateReport {
            prometheus: "http://ops:hush@prometheus:9090".parse().unwrap(),
            from: Moment(1_700_000_000.0),
            to: Moment(1_700_002_700.0),
            asked: Duration::from_secs(2700),
            every: Duration::from_secs(15),
            builds: vec!["version 0.1.0, revision abc, on 2 node(s)".to_owned()],
            gates,
            cut_short: None,
            allow_no_data,
        }
    }

    #[test]
    fn gates_that_hold_are_a_go() {
        let report = report(vec![(&GATES[0], holding(0.0)), (&GATES[1], holding(0.9))], false);

        assert!(report.is_go());
        assert_eq!(report.to_string(), "GO: 2 gates held for 45m\n");
    }

    #[test]
    fn a_gate_that_failed_is_named_with_when() {
        let failing = Some((Moment(1_700_000_015.0), Moment(1_700_000_060.0)));
        let fails = Judgement { verdict: Verdict::Fails, failing, ..holding(0.5) };
        let report = report(vec![(&GATES[0], fails), (&GATES[1], holding(0.9))], false);

        assert!(!report.is_go());
        let expected = "NO-GO after 45m\n  cache errors: < 0.020/s, was 0.500/s at 2023-11-14T22:13:35Z; \
                        failed from 2023-11-14T22:13:35Z to 2023-11-14T22:14:20Z\n";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn no_data_is_a_no_go_unless_it_is_allowed() {
        let refused = report(vec![(&GATES[2], Judgement::none()), (&GATES[1], holding(0.9))], false);
        let allowed = report(vec![(&GATES[2], Judgement::none()), (&GATES[1], holding(0.9))], true);

        assert_eq!((refused.is_go(), allowed.is_go()), (false, true));
        assert_eq!(refused.to_string(), "NO-GO after 45m\n  resume p95: no data\n");
        assert_eq!(allowed.to_string(), "GO: 1 gates held for 45m\n  resume p95: no data, which is allowed\n");
    }

    #[test]
    fn neither_a_service_that_is_gone_nor_one_that_never_was_is_excused() {
        let gone = Judgement { verdict: Verdict::NoData, ..holding(1.0) };
        let gone = report(vec![(&GATES[7], gone), (&GATES[8], holding(1.0))], true);
        let never = report(vec![(&GATES[7], Judgement::none()), (&GATES[8], Judgement::none())], true);

        assert_eq!(gone.to_string(), "NO-GO after 45m\n  Redis connected: no data any more\n");
        assert_eq!(never.to_string(), "NO-GO after 45m\n  Redis connected: no data\n  service up: no data\n");
    }

    #[test]
    fn a_watch_that_was_cut_short_is_a_no_go() {
        let report = GateReport { cut_short: Some("stopped by hand".to_owned()), ..report(Vec::new(), false) };

        assert!(!report.is_go());
        assert_eq!(report.to_string(), "NO-GO after 45m\n  stopped by hand\n");
    }

    #[test]
    fn the_page_has_the_facts_and_a_plot_of_each_gate_and_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("canary.md");
        let report = report(vec![(&GATES[0], holding(0.001)), (&GATES[3], Judgement::none())], false);

        let plots = report.write(&path).unwrap();

        let page = fs::read_to_string(&path).unwrap();
        for part in [
            "# NO-GO\n",
            "| from | 2023-11-14T22:13:20Z |\n",
            "| watched | 45m of 45m, every 15s |\n",
            "| Prometheus | http://prometheus:9090 |\n",
            "| build | version 0.1.0, revision abc, on 2 node(s) |\n",
            "| cache errors | < 0.020/s | 0.001/s | 2023-11-14T22:13:35Z | holds |\n",
            "| replay backlog | <= 5 events within 5 s | - | - | no data |\n",
            "![replay backlog](canary-replay-backlog.svg)\n",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("hush"));
        assert_eq!(plots, 2);
        assert!(fs::read_to_string(folder.path().join("canary-cache-errors.svg")).unwrap().starts_with("<svg "));
    }
}
