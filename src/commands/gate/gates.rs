//! The gates: what must hold while a new version or a new setting takes its share of the players.
//!
//! A gate says what Prometheus is asked, what the answer is held against, and how it is shown.

use std::time::Duration;

/// Something that must hold.
#[derive(Debug)]
pub struct Gate {
    pub name: &'static str,
    pub question: Question,
    pub bound: Bound,
    pub unit: Unit,
}

/// What Prometheus is asked.
#[derive(Debug, Clone, Copy)]
pub enum Question {
    /// The value of a formula, at each step. It may have none, where there is nothing to measure.
    Formula(&'static str),
    /// Every sample of a gauge.
    Each(&'static str),
    /// How high a gauge stayed for so long.
    Sustained(&'static str, Duration),
    /// How much a counter has grown since the watch began.
    Growth(&'static str),
}

/// What a value is held against.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    Below(f64),
    AtMost(f64),
    AtLeast(f64),
}

/// What a value is counted in.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    PerSecond,
    /// Shown in percent.
    Share,
    /// Shown in milliseconds.
    Seconds,
    Events,
    Times,
    /// Yes or no.
    Flag,
}

/// All of them, in the order in which they are shown.
///
/// The hit rate is hits over lookups; with a lookup or more each second that is what the dashboards show. They divide by
/// one at least, which would read a quiet service as a bad one. The last four say together that nothing was amiss with
/// Redis, and that somebody was there to say so.
pub static GATES: [Gate; 9] = [
    Gate {
        name: "cache errors",
        question: Question::Formula("sum(rate(game_session_cache_errors_total[5m]))"),
        bound: Bound::Below(0.02),
        unit: Unit::PerSecond,
    },
    Gate {
        name: "hit rate",
        question: Question::Formula(
            "sum(rate(game_session_cache_hits_total[5m])) / (sum(rate(game_session_cache_hits_total[5m])) + \
             sum(rate(game_session_cache_misses_total[5m])) > 0)",
        ),
        bound: Bound::AtLeast(0.75),
        unit: Unit::Share,
    },
    Gate {
        name: "resume p95",
        question: Question::Formula(
            "histogram_quantile(0.95, sum by (le) (rate(ws_resume_duration_seconds_bucket[5m])))",
        ),
        bound: Bound::AtMost(0.3),
        unit: Unit::Seconds,
    },
    Gate {
        name: "replay backlog",
        question: Question::Sustained("ws_replay_backlog_size", Duration::from_secs(5)),
        bound: Bound::AtMost(5.0),
        unit: Unit::Events,
    },
    Gate {
        name: "Redis warnings",
        question: Question::Growth("redis_log_warnings_total"),
        bound: Bound::AtMost(0.0),
        unit: Unit::Times,
    },
    Gate {
        name: "Redis breaker opened",
        question: Question::Growth(r#"circuit_breaker_transitions_total{dependency="redis",to="open"}"#),
        bound: Bound::AtMost(0.0),
        unit: Unit::Times,
    },
    Gate {
        name: "Redis writes dropped",
        question: Question::Growth("redis_dropped_writes_total"),
        bound: Bound::AtMost(0.0),
        unit: Unit::Times,
    },
    Gate {
        name: "Redis connected",
        question: Question::Each("redis_connected"),
        bound: Bound::AtLeast(1.0),
        unit: Unit::Flag,
    },
    Gate {
        name: "service up",
        question: Question::Formula(
            "min(up and on (job, instance) count by (job, instance) (count_over_time(ws_replay_backlog_size[1h])))",
        ),
        bound: Bound::AtLeast(1.0),
        unit: Unit::Flag,
    },
];

impl Gate {
    /// What must hold, in words.
    pub fn threshold(&self) -> String {
        let shown = |limit| self.unit.show(limit);
        match (self.unit, self.question, self.bound) {
            (Unit::Flag, _, _) => "always".to_owned(),
            (Unit::Times, _, _) => "never".to_owned(),
            (_, Question::Sustained(_, span), bound) => {
                format!("{} {} within {} s", bound.sign(), shown(bound.limit()), span.as_secs())
            }
            (_, Question::Formula(_) | Question::Each(_) | Question::Growth(_), bound) => {
                format!("{} {}", bound.sign(), shown(bound.limit()))
            }
        }
    }

    /// The name as part of a file's.
    pub fn slug(&self) -> String {
        self.name.to_lowercase().replace(' ', "-")
    }
}

impl Question {
    /// What is asked, as Prometheus reads it.
    pub fn promql(self) -> &'static str {
        match self {
            Self::Formula(promql) | Self::Each(promql) | Self::Sustained(promql, _) | Self::Growth(promql) => promql,
        }
    }

    /// Whether there is an answer as long as a server is scraped.
    pub fn is_steady(self) -> bool {
        match self {
            Self::Formula(_) => false,
            Self::Each(_) | Self::Sustained(..) | Self::Growth(_) => true,
        }
    }

    /// What is made of the answer before it is judged.
    pub fn note(self) -> Option<String> {
        match self {
            Self::Formula(_) | Self::Each(_) => None,
            Self::Sustained(_, span) => {
                Some(format!("Each series by itself: the value that it stayed at for {} s.", span.as_secs()))
            }
            Self::Growth(_) => Some("Each series by itself: how much it has grown since the start.".to_owned()),
        }
    }
}

impl Bound {
    /// Whether the value is within.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Below(limit) => value < limit,
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    /// Whether one value is nearer to the bound than the other, or further beyond it.
    pub fn is_worse(self, value: f64, than: f64) -> bool {
        match self {
            Self::Below(_) | Self::AtMost(_) => value > than,
            Self::AtLeast(_) => value < than,
        }
    }

    /// Where it lies.
    pub fn limit(self) -> f64 {
        match self {
            Self::Below(limit) | Self::AtMost(limit) | Self::AtLeast(limit) => limit,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Below(_) => "<",
            Self::AtMost(_) => "<=",
            Self::AtLeast(_) => ">=",
        }
    }
}

impl Unit {
    /// The value as people read it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{value:.3}/s"),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Seconds => format!("{:.1} ms", value * 1000.0),
            Self::Events => format!("{value:.0} events"),
            Self::Times => format!("{value:.0} times"),
            Self::Flag => if value >= 1.0 { "yes" } else { "no" }.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_read_as_the_rollout_plan_has_them() {
        let thresholds = GATES.each_ref().map(|gate| gate.threshold());

        assert_eq!(thresholds[..4], ["< 0.020/s", ">= 75.0 %", "<= 300.0 ms", "<= 5 events within 5 s"]);
        assert_eq!(thresholds[4..], ["never", "never", "never", "always", "always"]);
    }

    #[test]
    fn a_limit_itself_is_within_save_where_it_must_not_be_reached() {
        assert!(Bound::AtMost(0.3).holds(0.3) && Bound::AtLeast(0.75).holds(0.75));
        assert!(!Bound::Below(0.02).holds(0.02));
        assert!(!Bound::AtMost(0.3).holds(0.301) && !Bound::AtLeast(0.75).holds(0.749));
    }

    #[test]
    fn every_gate_has_a_file_of_its_own() {
        let mut slugs = GATES.each_ref().map(|gate| gate.slug()).to_vec();
        slugs.sort();
        slugs.dedup();

        assert_eq!(slugs.len(), GATES.len());
        assert!(
            slugs.iter().all(|slug| slug.chars().all(|sign| sign.is_ascii_lowercase() || "-0123456789".contains(sign)))
        );
    }
}
