//! The outcome: a table for people, and the same numbers as JSON.

use std::{collections::BTreeMap, fmt, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{
    sampler::{Sample, millis},
    tally::{Count, Faults, Latency},
    usage::Taken,
};
use crate::commands::moment::Moment;

/// How a run went.
pub struct LoadReport {
    pub scenario: &'static str,
    pub url: String,
    /// What begins the name of every game.
    pub prefix: String,
    /// When the run began, everybody's gathering included.
    pub began: Moment,
    /// How long it was measured.
    pub lasted: Duration,
    /// What was counted in all, and while it was measured, in the order of [`Count::ALL`].
    pub counts: [u64; Count::ALL.len()],
    pub grown: [u64; Count::ALL.len()],
    /// In the order of [`Latency::ALL`].
    pub latencies: Vec<Histogram<u64>>,
    /// Moves or sessions a second that were asked for.
    pub asked_rate: Option<f64>,
    /// The sum of all heads, as the API has them.
    pub heads: Option<u64>,
    pub taken: Option<Taken>,
    pub refusals: BTreeMap<String, u64>,
    pub faults: Faults,
    pub samples: Vec<Sample>,
    /// Held at the same time, at most.
    pub online: u64,
}

impl LoadReport {
    /// Whether nothing was amiss.
    pub fn passed(&self) -> bool {
        self.faults.count == 0
    }

    /// A count in all.
    pub fn count(&self, what: Count) -> u64 {
        self.counts[what as usize]
    }

    /// A count a second, over the time that was measured.
    pub fn rate(&self, what: Count) -> f64 {
        float(self.grown[what as usize]) / self.lasted.as_secs_f64().max(1e-3)
    }

    /// What was timed at all.
    pub fn timed(&self) -> impl Iterator<Item = (Latency, &Histogram<u64>)> {
        Latency::ALL.into_iter().zip(&self.latencies).filter(|(_, times)| !times.is_empty())
    }

    /// Bytes that the server has grown by for each connection held.
    pub fn bytes_a_connection(&self) -> Option<f64> {
        let taken = self.taken.as_ref().filter(|_| self.scenario == "idle" && self.online > 0)?;
        Some(taken.server_grown_bytes / float(self.online))
    }

    /// Bytes that the server has grown by for each seat that was taken, and those of them that it accounts for.
    pub fn bytes_a_seat(&self) -> Option<(f64, f64)> {
        let seats = float(self.grown[Count::Opened as usize]);
        let taken = self.taken.as_ref().filter(|_| self.scenario == "away" && seats > 0.0)?;
        Some((taken.server_grown_bytes / seats, taken.accounted_grown_bytes / seats))
    }

    /// All numbers.
    pub fn json(&self) -> Value {
        let counts: serde_json::Map<String, Value> =
            Count::ALL.into_iter().map(|what| (what.name().to_owned(), json!(self.count(what)))).collect();
        let rates: serde_json::Map<String, Value> =
            Count::ALL.into_iter().map(|what| (what.name().to_owned(), json!(self.rate(what)))).collect();
        let latencies: serde_json::Map<String, Value> = self
            .timed()
            .map(|(what, times)| {
                let [p50, p95, p99, p999, max] = percentiles(times);
                let numbers = json!({
                    "count": times.len(), "p50": p50, "p95": p95, "p99": p99, "p99.9": p999, "max": max,
                    "mean": times.mean() / 1e3,
                });
                (what.name().to_owned(), numbers)
            })
            .collect();
        json!({
            "scenario": self.scenario,
            "url": self.url,
            "games": self.prefix,
            "began": self.began.to_string(),
            "seconds": self.lasted.as_secs_f64(),
            "passed": self.passed(),
            "counts": counts,
            "perSecond": rates,
            "askedPerSecond": self.asked_rate,
            "headSequences": self.heads,
            "online": self.online,
            "bytesPerConnection": self.bytes_a_connection(),
            "bytesPerSeat": self.bytes_a_seat().map(|(bytes, _)| bytes),
            "accountedBytesPerSeat": self.bytes_a_seat().map(|(_, accounted)| accounted),
            "latencyMs": latencies,
            "taken": self.taken,
            "resumeP99WithinMs": self.taken.as_ref().and_then(|taken| taken.resumes_from.p99_within_ms()),
            "refusals": self.refusals,
            "faults": { "count": self.faults.count, "first": self.faults.first },
        })
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.lasted.as_secs_f64();
        writeln!(f, "{} at {} for {seconds:.1} s, up to {} connections", self.scenario, self.url, self.online)?;
        writeln!(f, "\n{:<14} {:>10} {:>10}", "", "count", "a second")?;
        for what in Count::ALL.into_iter().filter(|what| self.count(*what) > 0) {
            writeln!(f, "{:<14} {:>10} {:>10.1}", what.name(), self.count(what), self.rate(what))?;
        }
        if let Some(asked) = self.asked_rate {
            writeln!(f, "{:<14} {:>10} {asked:>10.1}", "asked for", "")?;
        }
        if self.timed().next().is_some() {
            let [p50, p95, p99, p999] = ["p50", "p95", "p99", "p99.9"];
            writeln!(f, "\n{:<14} {:>10} {p50:>10} {p95:>10} {p99:>10} {p999:>10} {:>10}", "ms", "count", "max")?;
        }
        for (what, times) in self.timed() {
            write!(f, "{:<14} {:>10}", what.name(), times.len())?;
            percentiles(times).into_iter().try_for_each(|time| write!(f, " {time:>10.2}"))?;
            writeln!(f)?;
        }
        self.write_taken(f)?;
        for (code, count) in &self.refusals {
            writeln!(f, "refused: {code}: {count}")?;
        }
        if self.passed() {
            return writeln!(f, "passed: every player saw every event once, in order, as it was sent");
        }
        writeln!(f, "FAILED: {} faults", self.faults.count)?;
        self.faults.first.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
        match self.faults.count.saturating_sub(self.faults.first.len() as u64) {
            0 => Ok(()),
            hidden => writeln!(f, "  and {hidden} more"),
        }
    }
}

impl LoadReport {
    fn write_taken(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        let Some(taken) = &self.taken else { return Ok(()) };
        let (server, load) = (taken.server_cpu_seconds, taken.load_cpu_seconds);
        let (resident, grown) = (taken.server_resident_bytes / 1e6, taken.server_grown_bytes / 1e6);
        writeln!(f, "processor: server {server:.2} s, load {load:.2} s")?;
        let moves = self.count(Count::Confirmed);
        if moves > 0 && matches!(self.scenario, "play") {
            let (server, load) = (server * 1e6 / float(moves), load * 1e6 / float(moves));
            writeln!(f, "a move: server {server:.1} µs, load {load:.1} µs")?;
        }
        writeln!(f, "memory: server {resident:.1} MB, {grown:+.1} MB since it began")?;
        if let Some(bytes) = self.bytes_a_connection() {
            writeln!(f, "a connection: {:.1} kB of the server's memory", bytes / 1e3)?;
        }
        if let Some((bytes, accounted)) = self.bytes_a_seat() {
            writeln!(f, "a seat: {bytes:.0} bytes of the server's memory, {accounted:.0} by its own account")?;
        }
        let from = &taken.resumes_from;
        if let Some(mean) = from.mean_ms() {
            let [memory, redis, store] = [from.memory, from.redis, from.store];
            let p99 = from.p99_within_ms().map(|bound| format!(", p99 up to {bound} ms")).unwrap_or_default();
            writeln!(
                f,
                "resumes by the server's clock: mean {mean:.2} ms{p99}; from memory {memory}, Redis {redis}, store {store}"
            )?;
        }
        writeln!(f)
    }
}

/// p50, p95, p99, p99.9 and the highest, in milliseconds.
pub fn percentiles(times: &Histogram<u64>) -> [f64; 5] {
    let at = |share| millis(times.value_at_quantile(share));
    [at(0.5), at(0.95), at(0.99), at(0.999), millis(times.max())]
}

#[expect(clippy::cast_precision_loss, reason = "no run has so many events")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
pub mod tests {
    use super::{super::tally::histogram, *};

    pub fn report(faults: &[&str]) -> LoadReport {
        let mut latencies: Vec<_> = Latency::ALL.iter().map(|_| histogram()).collect();
        (1..=1_000).for_each(|millis| latencies[Latency::Confirmation as usize].record(millis * 1_000).unwrap());
        let mut counts = [0; Count::ALL.len()];
        counts[Count::Confirmed as usize] = 1_000;
        let sample = |at| Sample {
            at: Duration::from_secs(at),
            rates: [7.0; Count::ALL.len()],
            latencies: [Some([1.0, 2.0, 3.0]); Latency::ALL.len()],
            online: 2,
        };
        LoadReport {
            scenario: "play",
            url: "http://h".to_owned(),
            prefix: "load-1".to_owned(),
            began: Moment(1_700_000_000.0),
            lasted: Duration::from_secs(10),
            counts,
            grown: counts,
            latencies,
            asked_rate: Some(120.0),
            heads: Some(1_000),
            taken: None,
            refusals: BTreeMap::from([("rate_limited".to_owned(), 3)]),
            faults: Faults {
                count: faults.len() as u64,
                first: faults.iter().map(|&fault| fault.to_owned()).collect(),
            },
            samples: vec![sample(1), sample(2)],
            online: 2,
        }
    }

    #[test]
    fn a_good_run_reads_like_this() {
        let expected = "\
play at http://h for 10.0 s, up to 2 connections

                    count   a second
confirmed            1000      100.0
asked for                      120.0

ms                  count        p50        p95        p99      p99.9        max
confirmation         1000     500.22     950.27     990.21     999.42    1000.45

refused: rate_limited: 3
passed: every player saw every event once, in order, as it was sent
";
        assert_eq!(report(&[]).to_string(), expected);
    }

    #[test]
    fn faults_are_told_and_fail_the_run() {
        let report = report(&["g u: event 3 came after 1: what lies between is missing"]);

        assert!(!report.passed());
        assert!(
            report
                .to_string()
                .ends_with("FAILED: 1 faults\n  g u: event 3 came after 1: what lies between is missing\n")
        );
        assert_eq!(report.json()["faults"]["count"], 1);
    }

    #[test]
    fn the_json_has_the_same_numbers() {
        let json = report(&[]).json();

        assert_eq!((&json["counts"]["confirmed"], &json["perSecond"]["confirmed"]), (&json!(1_000), &json!(100.0)));
        assert_eq!(json["latencyMs"]["confirmation"]["count"], 1_000);
        assert_eq!((&json["passed"], &json["latencyMs"]["resume"]), (&json!(true), &Value::Null));
    }
}
