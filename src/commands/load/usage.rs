//! What server and load take of the machine: processor time and memory, before and after.

use std::time::Duration;

use serde::Serialize;

use crate::{client::Backend, commands::exposition::Exposition};

/// What has been taken up to one moment.
#[derive(Debug, Clone)]
pub struct Usage {
    server_cpu: f64,
    server_bytes: f64,
    accounted_bytes: f64,
    load_cpu: f64,
    resumes: Resumes,
}

/// What the server says of resumes, by where it found what was missed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Resumes {
    pub memory: f64,
    pub redis: f64,
    pub store: f64,
    /// Seconds of all of them together, as the server counts them.
    #[serde(skip)]
    seconds: f64,
    /// How many took up to a bound in seconds, the bound as the server writes it.
    #[serde(skip)]
    up_to: Vec<(String, f64)>,
}

/// What a run has taken.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    pub server_cpu_seconds: f64,
    pub load_cpu_seconds: f64,
    pub server_resident_bytes: f64,
    pub server_grown_bytes: f64,
    /// By so much has grown what the server accounts for its games.
    pub accounted_grown_bytes: f64,
    pub resumes_from: Resumes,
}

impl Taken {
    /// What two times have taken together.
    pub fn and(&self, later: &Self) -> Self {
        let (one, other) = (&self.resumes_from, &later.resumes_from);
        Self {
            server_cpu_seconds: self.server_cpu_seconds + later.server_cpu_seconds,
            load_cpu_seconds: self.load_cpu_seconds + later.load_cpu_seconds,
            server_resident_bytes: later.server_resident_bytes,
            server_grown_bytes: self.server_grown_bytes + later.server_grown_bytes,
            accounted_grown_bytes: self.accounted_grown_bytes + later.accounted_grown_bytes,
            resumes_from: Resumes {
                memory: one.memory + other.memory,
                redis: one.redis + other.redis,
                store: one.store + other.store,
                seconds: one.seconds + other.seconds,
                up_to: together(&one.up_to, &other.up_to, |one, other| one + other),
            },
        }
    }
}

impl Resumes {
    /// Mean by the server's clock, in milliseconds: from the upgrade until the last event was handed to the socket.
    pub fn mean_ms(&self) -> Option<f64> {
        let resumes = self.memory + self.redis + self.store;
        (resumes > 0.0).then(|| self.seconds / resumes * 1e3)
    }

    /// The lowest of the histogram's bounds that 99 of 100 kept, in milliseconds; `None` also where it has none so high.
    pub fn p99_within_ms(&self) -> Option<f64> {
        let resumes = self.memory + self.redis + self.store;
        let bounds = self.up_to.iter().filter(|(_, count)| resumes > 0.0 && *count >= 0.99 * resumes);
        let bounds = bounds.filter_map(|(bound, _)| bound.parse().ok()).filter(|bound: &f64| bound.is_finite());
        bounds.min_by(f64::total_cmp).map(|bound| bound * 1e3)
    }
}

/// Each bound's counts, put together; in a histogram all have the same bounds.
fn together(one: &[(String, f64)], other: &[(String, f64)], by: impl Fn(f64, f64) -> f64) -> Vec<(String, f64)> {
    let count = |bound: &str| other.iter().find(|(other, _)| other == bound).map_or(0.0, |(_, count)| *count);
    one.iter().map(|(bound, one)| (bound.clone(), by(*one, count(bound)))).collect()
}

impl Usage {
    /// Asks the server's metrics. `None` where they cannot be had.
    pub async fn of(server: &Backend) -> Option<Self> {
        let metrics = Exposition::parse(&server.get("/metrics").await.ok()?);
        let value = |name| metrics.sum(name, &[]).unwrap_or_default();
        let by = metrics.by("ws_resume_duration_seconds_count", "source");
        let from = |source| by.get(source).copied().unwrap_or_default();
        let seconds = value("ws_resume_duration_seconds_sum");
        let up_to = metrics.by("ws_resume_duration_seconds_bucket", "le");
        let up_to = up_to.into_iter().map(|(bound, count)| (bound.to_owned(), count)).collect();
        Some(Self {
            server_cpu: value("process_cpu_seconds_total"),
            server_bytes: value("process_resident_memory_bytes"),
            accounted_bytes: value("cache_memory_bytes"),
            load_cpu: own_cpu().as_secs_f64(),
            resumes: Resumes { memory: from("memory"), redis: from("redis"), store: from("store"), seconds, up_to },
        })
    }

    /// What was taken since `before`. A server that was started again meanwhile counts from its start.
    pub fn since(&self, before: &Self) -> Taken {
        let grown = |now: f64, before: f64| if now < before { now } else { now - before };
        let (now, then) = (&self.resumes, &before.resumes);
        let resumes_from = Resumes {
            memory: grown(now.memory, then.memory),
            redis: grown(now.redis, then.redis),
            store: grown(now.store, then.store),
            seconds: grown(now.seconds, then.seconds),
            up_to: together(&now.up_to, &then.up_to, grown),
        };
        Taken {
            server_cpu_seconds: grown(self.server_cpu, before.server_cpu),
            load_cpu_seconds: self.load_cpu - before.load_cpu,
            server_resident_bytes: self.server_bytes,
            server_grown_bytes: self.server_bytes - before.server_bytes,
            accounted_grown_bytes: self.accounted_bytes - before.accounted_bytes,
            resumes_from,
        }
    }
}

/// Processor time of this process; nothing where the system does not say.
fn own_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(server_cpu: f64, memory: f64, seconds: f64) -> Usage {
        let resumes = Resumes { memory, seconds, ..Resumes::default() };
        Usage { server_cpu, server_bytes: 100.0, accounted_bytes: 90.0, load_cpu: 1.0, resumes }
    }

    #[test]
    fn a_server_that_was_started_again_counts_from_its_start() {
        let taken = usage(2.0, 4.0, 0.2).since(&usage(5.0, 2.0, 0.1));

        assert_eq!((taken.server_cpu_seconds, taken.resumes_from.memory), (2.0, 2.0));
        assert!(taken.resumes_from.mean_ms().is_some_and(|mean| (mean - 50.0).abs() < 1e-6));
    }

    #[test]
    fn the_bound_that_99_of_100_kept_is_told() {
        let resumes = |up_to: [f64; 3]| {
            let up_to = ["0.001", "0.01", "+Inf"].map(str::to_owned).into_iter().zip(up_to).collect();
            Resumes { memory: 100.0, up_to, ..Resumes::default() }
        };

        assert_eq!(resumes([98.0, 99.0, 100.0]).p99_within_ms(), Some(10.0));
        assert_eq!(resumes([99.0, 100.0, 100.0]).p99_within_ms(), Some(1.0));
        assert_eq!(resumes([0.0, 98.0, 100.0]).p99_within_ms(), None);
    }

    #[test]
    fn this_process_has_taken_some_time() {
        let began = own_cpu();
        let mut sum = 0_u64;
        while own_cpu() == began {
            sum = std::hint::black_box(sum + 1);
        }

        assert!(own_cpu() > began);
    }
}
