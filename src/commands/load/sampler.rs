//! Looks at the tally once a second: what the last second brought, for the plots and for whoever watches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    tally::{Count, Latency, Tally, histogram},
    terms::Run,
};
use crate::commands::status_line::StatusLine;

/// One second of a run.
#[derive(Debug, Clone)]
pub struct Sample {
    /// When it was over, since the run began.
    pub at: Duration,
    /// How much each count has grown in a second, in the order of [`Count::ALL`].
    pub rates: [f64; Count::ALL.len()],
    /// p50, p95 and p99 in milliseconds of what was timed in it, in the order of [`Latency::ALL`].
    pub latencies: [Option<[f64; 3]>; Latency::ALL.len()],
    pub online: u64,
}

/// All that was sampled.
pub struct Sampled {
    pub samples: Vec<Sample>,
    /// In the order of [`Latency::ALL`].
    pub totals: Vec<Histogram<u64>>,
}

/// The one who looks.
pub struct Sampler {
    looking: JoinHandle<Sampled>,
    over: Arc<AtomicBool>,
}

impl Sampler {
    /// Begins to look, and to say how it goes.
    pub fn start(run: Arc<Run>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let looking = tokio::spawn(look(run, Arc::clone(&over)));
        Self { looking, over }
    }

    /// Looks once more, and hands over what was seen.
    pub async fn stop(self) -> Sampled {
        self.over.store(true, Ordering::Relaxed);
        self.looking.await.expect("looking does not panic")
    }
}

async fn look(run: Arc<Run>, over: Arc<AtomicBool>) -> Sampled {
    let line = StatusLine::open();
    let mut sampled = Sampled { samples: Vec::new(), totals: Latency::ALL.map(|_| histogram()).into() };
    let mut scratch = histogram();
    let mut counted = [0; Count::ALL.len()];
    let mut looked_at = Instant::now();
    let mut clock = interval(LOOK_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        let is_last = over.load(Ordering::Relaxed);
        let passed = looked_at.elapsed();
        if passed >= SAMPLE_EVERY || is_last {
            looked_at = Instant::now();
            let mut sample = sample(&run, passed, &mut counted);
            for (index, what) in Latency::ALL.into_iter().enumerate() {
                run.tally.drain(what, &mut scratch, &mut sampled.totals[index]);
                sample.latencies[index] = percentiles(&scratch);
            }
            if line.renews() || sampled.samples.len() % SAID_EVERY == SAID_EVERY - 1 {
                line.say(&said(&sample, &run.tally));
            }
            // The last stretch may be too short for its rates to mean anything.
            if !is_last || sampled.samples.is_empty() {
                sampled.samples.push(sample);
            }
        }
        if is_last {
            line.clear();
            return sampled;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no second has so many events")]
fn sample(run: &Run, passed: Duration, counted: &mut [u64; Count::ALL.len()]) -> Sample {
    let mut rates = [0.0; Count::ALL.len()];
    for (index, what) in Count::ALL.into_iter().enumerate() {
        let count = run.tally.of(what);
        rates[index] = (count - counted[index]) as f64 / passed.as_secs_f64().max(1e-3);
        counted[index] = count;
    }
    Sample { at: run.began.elapsed(), rates, latencies: [None; Latency::ALL.len()], online: run.tally.online() }
}

fn percentiles(of: &Histogram<u64>) -> Option<[f64; 3]> {
    (!of.is_empty()).then(|| [0.5, 0.95, 0.99].map(|share| millis(of.value_at_quantile(share))))
}

/// A time of a histogram in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a histogram ends at an hour")]
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

/// `12 s   200 online   1830 confirmed/s   1829 delivered/s   confirmation p99 3.1 ms   0 faults`
fn said(sample: &Sample, tally: &Tally) -> String {
    let mut text = format!("{:>4} s   {} online", sample.at.as_secs(), sample.online);
    for (what, rate) in Count::ALL.into_iter().zip(sample.rates) {
        if rate > 0.0 && what != Count::Sent {
            text += &format!("   {rate:.0} {}/s", what.name());
        }
    }
    for (what, latency) in Latency::ALL.into_iter().zip(sample.latencies) {
        if let (Some([_, _, p99]), true) = (latency, matches!(what, Latency::Confirmation | Latency::Resume)) {
            text += &format!("   {} p99 {p99:.1} ms", what.name());
        }
    }
    let (faults, refused) = (tally.faults().count, tally.refusals().values().sum::<u64>());
    if refused > 0 {
        text += &format!("   {refused} refused");
    }
    text + &format!("   {faults} faults")
}

const SAMPLE_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Samples to a line, where lines stay.
const SAID_EVERY: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_happened_is_in_the_totals_and_in_a_sample() {
        let run = Arc::new(Run { tally: Tally::default(), began: Instant::now() });
        let sampler = Sampler::start(Arc::clone(&run));
        run.tally.add(Count::Confirmed, 40);
        run.tally.time(Latency::Confirmation, Duration::from_millis(3));

        let sampled = sampler.stop().await;

        let sample = &sampled.samples[0];
        assert!(sample.rates[Count::Confirmed as usize] > 0.0);
        assert_eq!(sampled.totals[Latency::Confirmation as usize].len(), 1);
        assert!(said(sample, &run.tally).contains(" confirmed/s   confirmation p99 3.0 ms   0 faults"));
    }
}
