//! Says how the gates stand while they are watched: a table that renews itself on a terminal; elsewhere a line whenever
//! one changes.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use super::{
    gates::Gate,
    judgement::{Judgement, Verdict},
    minutes,
};

/// What was said so far. Writes to standard error.
pub struct Progress {
    renews: bool,
    /// Lines on the terminal that the next table takes the place of.
    drawn: usize,
    said: Vec<Option<Verdict>>,
    hindered: bool,
}

impl Progress {
    /// Of so many gates.
    pub fn new(gates: usize) -> Self {
        Self { renews: stderr().is_terminal(), drawn: 0, said: vec![None; gates], hindered: false }
    }

    /// Shows how the gates stand after so much of the watch.
    pub fn show(&mut self, gates: &[Gate], judgements: &[Judgement], passed: Duration, of: Duration) {
        self.hindered = false;
        if self.renews {
            let mut lines = vec![format!("{} of {}", minutes(passed), minutes(of))];
            lines.extend(gates.iter().zip(judgements).map(|(gate, judgement)| line(gate, judgement)));
            self.draw(&lines);
            return;
        }
        for ((gate, judgement), said) in gates.iter().zip(judgements).zip(&mut self.said) {
            if said.replace(judgement.verdict) != Some(judgement.verdict) {
                eprintln!("{:>7}  {}", minutes(passed), line(gate, judgement));
            }
        }
    }

    /// Says what keeps it from seeing anything, once.
    pub fn hindered(&mut self, by: &str) {
        if !self.hindered {
            self.hindered = true;
            // It stays above the next table.
            self.drawn = 0;
            eprintln!("{by}");
        }
    }

    fn draw(&mut self, lines: &[String]) {
        let up = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        let table: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        eprint!("{up}{table}");
        self.drawn = lines.len();
    }
}

/// `hit rate   >= 75.0 %   now 91.0 %   worst 76.0 %   holds`
fn line(gate: &Gate, judgement: &Judgement) -> String {
    let show = |point: Option<crate::commands::moment::Point>| {
        point.map_or("-".to_owned(), |point| gate.unit.show(point.value))
    };
    let (now, worst) = (show(judgement.latest), show(judgement.worst));
    let verdict = match (judgement.verdict, judgement.failing) {
        (Verdict::Holds, _) => "holds".to_owned(),
        (Verdict::NoData, _) => "no data".to_owned(),
        (Verdict::Fails, None) => "FAILS".to_owned(),
        (Verdict::Fails, Some((first, _))) => format!("FAILS since {first}"),
    };
    format!("{:<22} {:<22} now {now:<12} worst {worst:<12} {verdict}", gate.name, gate.threshold())
}

#[cfg(test)]
mod tests {
    use super::{super::gates::GATES, *};
    use crate::commands::moment::{Moment, Point};

    #[test]
    fn a_gate_is_one_line() {
        let at = |at, value| Some(Point { at: Moment(at), value });
        let holds =
            Judgement { verdict: Verdict::Holds, worst: at(1.0, 0.76), latest: at(2.0, 0.91), ..Judgement::none() };
        let fails = Judgement {
            verdict: Verdict::Fails,
            failing: Some((Moment(60.0), Moment(90.0))),
            worst: at(70.0, 0.5),
            latest: at(95.0, 0.0),
            ..Judgement::none()
        };

        let lines = [line(&GATES[1], &holds), line(&GATES[0], &fails), line(&GATES[2], &Judgement::none())];

        assert_eq!(
            lines.each_ref().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")),
            [
                "hit rate >= 75.0 % now 91.0 % worst 76.0 % holds",
                "cache errors < 0.020/s now 0.000/s worst 0.500/s FAILS since 1970-01-01T00:01:00Z",
                "resume p95 <= 300.0 ms now - worst - no data",
            ]
        );
    }
}
