//! `rejoin gate`: watches a rollout through Prometheus, and says whether it may go on.

mod gates;
mod judgement;
mod progress;
mod prometheus;
mod report;
mod series;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use clap::Args;
use futures_util::FutureExt;
use tokio::{
    signal::ctrl_c,
    time::{Instant, sleep},
};

use self::{
    gates::GATES,
    judgement::{Judgement, judge},
    progress::Progress,
    prometheus::Prometheus,
};
pub use self::{
    prometheus::{PrometheusError, PrometheusUrl},
    report::GateReport,
};
use super::moment::Moment;

/// Watch a rollout through Prometheus, and say GO or NO-GO.
///
/// Holds cache errors, hit rate, resume latency, replay backlog and what Redis does against the limits of the rollout
/// plan, for as long as it is told. Writes a report for the release ticket, with a plot of each gate beside it. Exits
/// with 0 for GO, 1 for NO-GO, 2 where it could not begin. Ctrl-C ends the watch early, which is a NO-GO.
#[derive(Debug, Clone, Args)]
pub struct GateOptions {
    /// Where Prometheus is: `http://[user:password@]host:port`
    #[arg(long, value_name = "URL")]
    pub prometheus: PrometheusUrl,
    /// How long to watch
    #[arg(long = "for", default_value = "45m", value_name = "DURATION", value_parser = duration)]
    pub watch_for: Duration,
    /// How often to look
    #[arg(long, default_value = "15s", value_name = "DURATION", value_parser = duration)]
    pub every: Duration,
    /// Where the report goes; the plots go beside it
    #[arg(long, default_value = "gate-report.md", value_name = "FILE")]
    pub report: PathBuf,
    /// Let a gate pass that there was nothing to judge of, such as resumes where nobody resumed
    #[arg(long)]
    pub allow_no_data: bool,
}

/// Why the watch could not begin, or its report not be kept.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error("--every must be shorter than --for, and --for at most {MOST_POINTS} times as long as --every")]
    Span,
    #[error("cannot write `{path}`: {source}")]
    Report { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
}

/// Watches, writes the report and returns it.
///
/// # Errors
/// `Span`, `Prometheus`: nothing was watched. `Report`: the file cannot be written, which is tried before the watch too.
pub async fn run(options: &GateOptions) -> Result<GateReport, GateError> {
    if options.every > options.watch_for || options.watch_for > options.every.saturating_mul(MOST_POINTS) {
        return Err(GateError::Span);
    }
    let unwritable = |source| GateError::Report { path: options.report.clone(), source };
    writable(&options.report).map_err(unwritable)?;
    let prometheus = Prometheus::at(options.prometheus.clone());
    let from = prometheus.now().await?;
    let builds = prometheus.builds().await?;

    let mut watch = Watch::new(&prometheus, from, options);
    let cut_short = watch.look_to_the_end().await;
    let report = GateReport {
        prometheus: options.prometheus.clone(),
        from,
        to: watch.seen_until,
        asked: options.watch_for,
        every: options.every,
        builds,
        gates: GATES.iter().zip(watch.judgements).collect(),
        cut_short,
        allow_no_data: options.allow_no_data,
    };
    report.write(&options.report).map_err(unwritable)?;
    Ok(report)
}

/// The gates, one after the other, again and again.
struct Watch<'a> {
    prometheus: &'a Prometheus,
    from: Moment,
    length: Duration,
    every: Duration,
    judgements: Vec<Judgement>,
    seen_until: Moment,
    progress: Progress,
}

impl<'a> Watch<'a> {
    fn new(prometheus: &'a Prometheus, from: Moment, options: &GateOptions) -> Self {
        Self {
            prometheus,
            from,
            length: options.watch_for,
            every: options.every,
            judgements: vec![Judgement::none(); GATES.len()],
            seen_until: from,
            progress: Progress::new(GATES.len()),
        }
    }

    /// Looks until the time is over; returns what kept it from that.
    async fn look_to_the_end(&mut self) -> Option<String> {
        let give_up_at = Instant::now() + self.length + GRACE.max(self.every * 2);
        let end = self.from.plus(self.length);
        let mut pause = Duration::ZERO;
        // One for the whole watch: a signal that comes while nobody waits for it is lost.
        let mut stopped = pin!(ctrl_c().fuse());
        loop {
            let looked = async {
                sleep(pause).await;
                self.look().await
            };
            let looked = tokio::select! {
                Ok(()) = &mut stopped => return Some("stopped by hand".to_owned()),
                looked = looked => looked,
            };
            pause = self.every.min(end.since(self.seen_until).max(SHORTEST));
            match looked {
                Ok(()) if self.seen_until >= end => return None,
                Ok(()) => {}
                Err(error) if Instant::now() < give_up_at => self.progress.hindered(&error.to_string()),
                Err(error) => return Some(error.to_string()),
            }
        }
    }

    /// Judges everything up to now. What is not answered stays as it was.
    async fn look(&mut self) -> Result<(), PrometheusError> {
        let end = self.from.plus(self.length);
        let now = self.prometheus.now().await?;
        let now = if now > end { end } else { now };
        let mut judgements = Vec::with_capacity(GATES.len());
        for gate in &GATES {
            let answer = self.prometheus.answer(gate.question, self.from, now, self.every).await?;
            judgements.push(judge(gate, &answer, self.from, now));
        }
        self.judgements = judgements;
        self.seen_until = now;
        self.progress.show(&GATES, &self.judgements, now.since(self.from), self.length);
        Ok(())
    }
}

/// Sees whether the report can be kept, before anybody waits for it.
fn writable(path: &Path) -> io::Result<()> {
    File::options().create(true).append(true).open(path).map(drop)
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration =
        humantime::parse_duration(text).map_err(|error| format!("{error}: expected 45m, 20s or the like"))?;
    if duration < SHORTEST { Err("expected a second or more".to_owned()) } else { Ok(duration) }
}

/// A span as it is given: `45m`, `1m 15s`. Parts of a second are left out.
fn minutes(span: Duration) -> String {
    humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
}

/// Between two looks, and of a whole watch.
const SHORTEST: Duration = Duration::from_secs(1);
/// What Prometheus answers at most, less one at each end.
const MOST_POINTS: u32 = 10_998;
/// How long a Prometheus that is away at the end is waited for.
const GRACE: Duration = Duration::from_secs(60);
