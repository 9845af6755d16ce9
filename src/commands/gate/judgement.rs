//! Whether a gate held, from what Prometheus answered. Pure: the whole watch is judged again at each look.

use std::time::Duration;

use super::{
    gates::{Gate, Question},
    series::{growth, sustained},
};
use crate::commands::moment::{Line, Moment, Point};

/// How a gate stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub worst: Option<Point>,
    /// The worst of what was true last.
    pub latest: Option<Point>,
    /// The first time and the last time that it did not hold.
    pub failing: Option<(Moment, Moment)>,
    /// What was judged, series by series.
    pub lines: Vec<Line>,
}

/// The outcome at one gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    /// It did not hold at some time.
    Fails,
    /// There is nothing to judge, or nothing any more.
    NoData,
}

/// Judges what Prometheus answered for the time from `from` to `now`.
pub fn judge(gate: &Gate, answer: &[Line], from: Moment, now: Moment) -> Judgement {
    let of_interest = |line: &Line| {
        let line = match gate.question {
            Question::Formula(_) | Question::Each(_) => line.clone(),
            Question::Sustained(_, span) => sustained(line, span),
            Question::Growth(_) => growth(line, from),
        };
        line.into_iter().filter(|point| point.at >= from).collect::<Line>()
    };
    let lines: Vec<Line> = answer.iter().map(of_interest).filter(|line| !line.is_empty()).collect();
    let worse = |one: Point, other: Point| if gate.bound.is_worse(other.value, one.value) { other } else { one };
    let worst = lines.iter().flatten().copied().reduce(worse);
    let latest = lines.iter().filter_map(|line| line.last()).copied().reduce(worse);
    let beyond = |point: &&Point| !gate.bound.holds(point.value);
    let times: Vec<Moment> = lines.iter().flatten().filter(beyond).map(|point| point.at).collect();
    let earlier = |one: Moment, other: Moment| if other < one { other } else { one };
    let later = |one: Moment, other: Moment| if other > one { other } else { one };
    let failing = times.iter().copied().reduce(earlier).zip(times.iter().copied().reduce(later));

    let newest = lines.iter().filter_map(|line| line.last()).map(|point| point.at).reduce(later);
    let verdict = match (failing, newest) {
        (Some(_), _) => Verdict::Fails,
        (None, None) => Verdict::NoData,
        // Whatever was good before: somebody who is gone does not pass.
        (None, Some(newest)) if gate.question.is_steady() && now.since(newest) > SILENT_AFTER => Verdict::NoData,
        (None, Some(_)) => Verdict::Holds,
    };
    Judgement { verdict, worst, latest, failing, lines }
}

impl Judgement {
    /// Before anything was answered.
    pub fn none() -> Self {
        Self { verdict: Verdict::NoData, worst: None, latest: None, failing: None, lines: Vec::new() }
    }
}

/// Scrapes are a minute apart at most; two in a row may fail.
const SILENT_AFTER: Duration = Duration::from_mins(3);

#[cfg(test)]
mod tests {
    use super::{
        super::gates::{Bound, GATES, Unit},
        *,
    };

    const FROM: Moment = Moment(1000.0);

    fn line(points: &[(f64, f64)]) -> Line {
        points.iter().map(|(at, value)| Point { at: Moment(*at), value: *value }).collect()
    }

    fn gate(name: &str) -> &'static Gate {
        GATES.iter().find(|gate| gate.name == name).unwrap()
    }

    fn judged(name: &str, answer: &[Line], now: f64) -> Judgement {
        judge(gate(name), answer, FROM, Moment(now))
    }

    #[test]
    fn a_gate_that_always_held_passes_with_its_worst_value() {
        let hit_rate = line(&[(1000.0, 0.91), (1015.0, 0.76), (1030.0, 0.99)]);

        let judgement = judged("hit rate", &[hit_rate], 1030.0);

        assert_eq!(judgement.verdict, Verdict::Holds);
        assert_eq!(judgement.worst, Some(Point { at: Moment(1015.0), value: 0.76 }));
        assert_eq!((judgement.latest.unwrap().value, judgement.failing), (0.99, None));
    }

    #[test]
    fn one_value_beyond_fails_for_good_and_says_when() {
        let errors = line(&[(1000.0, 0.0), (1015.0, 0.02), (1030.0, 0.5), (1045.0, 0.019)]);

        let judgement = judged("cache errors", &[errors], 1045.0);

        assert_eq!(judgement.verdict, Verdict::Fails);
        assert_eq!(judgement.failing, Some((Moment(1015.0), Moment(1030.0))));
        assert_eq!(judgement.worst, Some(Point { at: Moment(1030.0), value: 0.5 }));
    }

    #[test]
    fn a_slow_resume_fails_and_none_at_all_is_no_data() {
        assert_eq!(judged("resume p95", &[], 1045.0).verdict, Verdict::NoData);
        assert_eq!(judged("resume p95", &[line(&[(1015.0, 0.3)])], 1045.0).verdict, Verdict::Holds);
        assert_eq!(judged("resume p95", &[line(&[(1015.0, 0.301)])], 1045.0).verdict, Verdict::Fails);
    }

    #[test]
    fn resumes_that_ended_long_ago_still_count() {
        assert_eq!(judged("resume p95", &[line(&[(1015.0, 0.1)])], 9000.0).verdict, Verdict::Holds);
    }

    #[test]
    fn a_backlog_may_be_high_for_a_moment_on_every_shard_in_turn() {
        let scraped = |high: f64| {
            let times = (0..8).map(|n| f64::from(n) * 15.0 + 1000.0);
            line(&times.map(|at| (at, if at == high { 40.0 } else { 0.0 })).collect::<Vec<_>>())
        };

        let in_turn = judged("replay backlog", &[scraped(1015.0), scraped(1030.0), scraped(1045.0)], 1105.0);

        assert_eq!((in_turn.verdict, in_turn.worst.unwrap().value), (Verdict::Holds, 0.0));
    }

    #[test]
    fn a_backlog_that_stays_fails() {
        let stays = line(&[(1000.0, 0.0), (1015.0, 40.0), (1030.0, 6.0), (1045.0, 0.0)]);

        let judgement = judged("replay backlog", &[line(&[(1000.0, 0.0), (1015.0, 0.0)]), stays], 1045.0);

        assert_eq!(judgement.failing, Some((Moment(1030.0), Moment(1030.0))));
        assert_eq!(judgement.worst.unwrap().value, 6.0);
    }

    #[test]
    fn what_redis_did_before_the_watch_is_no_news() {
        let opened = line(&[(950.0, 3.0), (995.0, 4.0), (1010.0, 4.0)]);
        let once_more = line(&[(995.0, 4.0), (1010.0, 4.0), (1025.0, 5.0), (1040.0, 5.0)]);

        assert_eq!(judged("Redis breaker opened", &[opened], 1010.0).verdict, Verdict::Holds);
        let judgement = judged("Redis breaker opened", &[once_more], 1040.0);
        assert_eq!((judgement.verdict, judgement.worst.unwrap().value), (Verdict::Fails, 1.0));
        assert_eq!(judgement.failing.unwrap().0, Moment(1025.0));
    }

    #[test]
    fn a_single_scrape_without_redis_fails() {
        let connected = line(&[(990.0, 0.0), (1005.0, 1.0), (1020.0, 0.0), (1035.0, 1.0)]);

        let judgement = judged("Redis connected", &[connected], 1035.0);

        assert_eq!(judgement.failing, Some((Moment(1020.0), Moment(1020.0))), "and what was before is no news");
    }

    #[test]
    fn a_service_that_is_gone_does_not_pass() {
        let gone = line(&[(1005.0, 1.0), (1020.0, 1.0)]);

        assert_eq!(judged("Redis connected", std::slice::from_ref(&gone), 1035.0).verdict, Verdict::Holds);
        assert_eq!(judged("Redis connected", &[gone], 1300.0).verdict, Verdict::NoData);
        assert_eq!(judged("service up", &[line(&[(1000.0, 1.0), (1015.0, 0.0)])], 1015.0).verdict, Verdict::Fails);
    }

    #[test]
    fn of_several_nodes_the_worst_is_shown() {
        let gate =
            Gate { name: "load", question: Question::Each("load"), bound: Bound::AtMost(5.0), unit: Unit::Events };
        let (calm, busy) = (line(&[(1000.0, 2.0), (1015.0, 1.0)]), line(&[(1000.0, 3.0), (1015.0, 4.0)]));

        let judgement = judge(&gate, &[calm, busy], FROM, Moment(1015.0));

        assert_eq!((judgement.worst.unwrap().value, judgement.latest.unwrap().value), (4.0, 4.0));
        assert_eq!(judgement.lines.len(), 2);
    }
}
