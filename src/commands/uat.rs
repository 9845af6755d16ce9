//! `rejoin uat`: the acceptance test of a rollout, scenario by scenario, against a running server.

mod acknowledging;
mod clocks;
mod refusals;
mod report;
mod returning;
mod scenario;
mod stage;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

pub use self::report::{Played, UatReport};
use self::{
    scenario::{Miss, Scenario},
    stage::Stage,
};
use crate::client::ClientError;

/// Play the acceptance test of a rollout against a running server, and report each scenario.
///
/// Players lose their connections once and again and come back with their tokens; replays, acknowledgements, pruning and
/// clocks are held against the protocol; so is what the server answers to what no client should send. Exits with 1 when
/// a scenario fails, or is not supported by the server.
#[derive(Debug, Clone, Args)]
pub struct UatOptions {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,
    /// Its listener for operators, for its metrics. Left out: they are read from --url
    #[arg(long, value_name = "URL")]
    pub admin_url: Option<String>,
    /// Where the report goes
    #[arg(long, default_value = "uat-report.md", value_name = "FILE")]
    pub report: PathBuf,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum UatError {
    #[error(transparent)]
    Unreachable(#[from] ClientError),
    #[error("cannot write `{path}`: {source}")]
    Report { path: PathBuf, source: io::Error },
}

/// Plays every scenario, one after the other, writes the report and returns it. `access_secret` signs the players' tokens,
/// `api_token` makes and ends their games.
///
/// # Errors
/// `Unreachable`: the server does not answer at all, or `api_token` is wrong. `Report`: the file cannot be written, which is
/// tried before too.
pub async fn run(options: &UatOptions, access_secret: &str, api_token: &str) -> Result<UatReport, UatError> {
    let unwritable = |source| UatError::Report { path: options.report.clone(), source };
    writable(&options.report).map_err(unwritable)?;
    let run_id = Uuid::new_v4().simple().to_string().split_off(RUN_ID_SKIPPED);
    let admin_url = options.admin_url.as_ref().unwrap_or(&options.url);
    let stage = |number: usize| {
        let game_id = format!("uat-{run_id}-{number}");
        Stage::new(&options.url, admin_url, game_id, access_secret, api_token, Instant::now() + SCENARIO_WITHIN)
    };
    stage(0).is_there().await?;

    let began = Instant::now();
    let mut played = Vec::new();
    let all = returning::ALL.iter().chain(&acknowledging::ALL).chain(&clocks::ALL).chain(&refusals::ALL);
    for (number, scenario) in (1..).zip(all) {
        eprintln!("{number:>2}. {}", scenario.name);
        played.push(play(scenario, &stage(number)).await);
    }
    let report = UatReport { url: options.url.clone(), took: began.elapsed(), played };
    report.write(&options.report).map_err(unwritable)?;
    Ok(report)
}

async fn play(scenario: &'static Scenario, stage: &Stage) -> Played {
    let began = Instant::now();
    let outcome = timeout(SCENARIO_WITHIN, (scenario.play)(stage)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(Miss::Failed(format!("not done after {SCENARIO_WITHIN:?}"))));
    let took = began.elapsed();
    // A game that went wrong is left for whoever looks into it; where it cannot be ended, it goes by itself in the end.
    if outcome.is_ok() {
        let _ = stage.end_game().await;
    }
    Played { scenario, game_id: stage.game_id().to_owned(), took, outcome }
}

/// Sees whether the report can be kept, before anything is played.
fn writable(path: &Path) -> io::Result<()> {
    File::options().create(true).append(true).open(path).map(drop)
}

/// Leaves eight of the 32 digits, enough to tell runs apart.
const RUN_ID_SKIPPED: usize = 24;
/// The longest takes some seconds; a server may be slow.
const SCENARIO_WITHIN: Duration = Duration::from_secs(30);
