//! `rejoin load`: puts a server under load with real players, and checks what each of them sees.

mod away;
mod churn;
mod crowd;
mod glance;
mod options;
mod page;
mod play;
mod player;
mod report;
mod residents;
mod sampler;
mod spawned;
mod storm;
mod tally;
mod terms;
mod usage;
mod venue;
mod window;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

pub use self::{options::LoadOptions, report::LoadReport};
use self::{options::Scenario, sampler::Sampler, tally::Count, venue::Venue, window::Measured};
use super::moment::Moment;
use crate::client::ClientError;

/// Why the load could not begin, or what is left of it not be kept.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("`{url}` is not this machine: pass --allow-remote to load it all the same")]
    Remote { url: String },
    #[error("{connections} connections are more than one address can have, which is {}", options::MOST_CONNECTIONS)]
    TooMany { connections: u32 },
    #[error(
        "{needed} open files are needed, and only {allowed} allowed: raise the hard limit (ulimit -n, LimitNOFILE)"
    )]
    Files { needed: u64, allowed: u64 },
    #[error("the server did not start:\n{reason}")]
    Spawn { reason: String },
    #[error("no server to load: {0}")]
    NotThere(ClientError),
    #[error("a game could not be made: {0}")]
    Game(ClientError),
    #[error("connection {number} of {wanted} was refused: {error}{hint}")]
    Gathering { number: u32, wanted: u32, error: Box<ClientError>, hint: &'static str },
    #[error("the events to be missed could not be recorded: {0}")]
    Tail(ClientError),
    #[error("memory could not be flushed, which --admin-url is for: {0}")]
    Cold(ClientError),
    #[error("--cold all kills the server: it needs --spawn")]
    NotOurs,
    #[error("cannot write `{path}`: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Mint(#[from] ClientError),
}

impl LoadError {
    fn gathering(number: u32, wanted: u32, error: ClientError) -> Self {
        Self::Gathering { number: number + 1, wanted, hint: hint(&error), error: Box::new(error) }
    }
}

/// Which setting is in the way.
fn hint(error: &ClientError) -> &'static str {
    match error {
        ClientError::UpgradeRefused { status: 429, .. } => {
            "\nraise MAX_CONNECTIONS_PER_IP on the server (1000 by default), or let --spawn start one of its own"
        }
        ClientError::UpgradeRefused { status: 503, .. } => {
            "\nraise MAX_CONNECTIONS on the server, unless it is draining"
        }
        ClientError::UpgradeRefused { .. }
        | ClientError::Address { .. }
        | ClientError::Unreachable { .. }
        | ClientError::Handshake { .. }
        | ClientError::Deadline { .. }
        | ClientError::Ended(_)
        | ClientError::Malformed { .. }
        | ClientError::Refused(_)
        | ClientError::GaveUp { .. }
        | ClientError::HttpRefused { .. }
        | ClientError::Mint(_) => "",
    }
}

/// How a scenario went, besides what everybody counted.
struct Outcome {
    measured: Measured,
    heads: Option<u64>,
    asked_rate: Option<f64>,
}

/// Loads, writes what was asked for, and returns the outcome. `access_secret` signs the players' tokens, `api_token` makes
/// the games; a server of our own has others.
///
/// # Errors
/// All but `Write`: there was no load. `Write`: a file cannot be written, which is tried before the load too.
pub async fn run(options: &LoadOptions, access_secret: &str, api_token: &str) -> Result<LoadReport, LoadError> {
    let (scenario, common) = (&options.scenario, options.scenario.common());
    for path in common.json.iter().chain(&common.report) {
        keep(path, None)?;
    }
    let connections = scenario.connections()?;
    if let Scenario::Storm(storm) = scenario
        && storm.cold == options::Cold::All
        && !common.spawn
    {
        return Err(LoadError::NotOurs);
    }
    let mut venue = Venue::open(common, connections, &settings(scenario), (access_secret, api_token)).await?;
    let began = now();
    let sampler = Sampler::start(Arc::clone(&venue.run));
    let outcome = match scenario {
        Scenario::Play(options) => play::play(&venue, options).await,
        Scenario::Storm(options) => storm::storm(&mut venue, options).await,
        Scenario::Idle(options) => play::idle(&venue, options).await,
        Scenario::Away(options) => away::away(&venue, options).await,
        Scenario::Churn(options) => churn::churn(&venue, options).await,
        Scenario::Mixed(options) => play::mixed(&venue, options).await,
    };
    let sampled = sampler.stop().await;
    let Outcome { measured, heads, asked_rate } = outcome?;
    let tally = venue.tally();
    let report = LoadReport {
        scenario: scenario.name(),
        url: venue.url.clone(),
        prefix: venue.prefix.clone(),
        began,
        lasted: measured.lasted,
        counts: Count::ALL.map(|what| tally.of(what)),
        latencies: sampled.totals,
        grown: measured.grown,
        asked_rate,
        heads,
        taken: measured.taken,
        refusals: tally.refusals(),
        faults: tally.faults(),
        online: sampled.samples.iter().map(|sample| sample.online).max().unwrap_or_default(),
        samples: sampled.samples,
    };
    if let Some(path) = &common.json {
        keep(path, Some(&format!("{:#}\n", report.json())))?;
    }
    if let Some(path) = &common.report {
        keep(path, Some(&page::page(&report)))?;
    }
    Ok(report)
}

/// What a server of our own is told for this scenario.
fn settings(scenario: &Scenario) -> Vec<(&'static str, String)> {
    match scenario {
        Scenario::Churn(options) => vec![("SESSION_TOKEN_TTL_SECONDS", options.ttl.as_secs().to_string())],
        // Else they might not fit, and be evicted as they are made.
        Scenario::Play(options) if options.resident > 0 => {
            let bytes = u64::from(options.resident + options.table.games) * BYTES_A_GAME + BYTES_BESIDE;
            vec![("MEMORY_BUDGET_BYTES", bytes.to_string())]
        }
        Scenario::Play(_) | Scenario::Storm(_) | Scenario::Idle(_) | Scenario::Away(_) | Scenario::Mixed(_) => {
            Vec::new()
        }
    }
}

/// Writes a file, or sees whether it can be written.
fn keep(path: &Path, text: Option<&str>) -> Result<(), LoadError> {
    let written = match text {
        _ if path == Path::new("-") => {
            text.into_iter().for_each(|text| print!("{text}"));
            return Ok(());
        }
        Some(text) => fs::write(path, text),
        None => fs::File::options().create(true).append(true).open(path).map(drop),
    };
    written.map_err(|source| LoadError::Write { path: path.to_owned(), source })
}

/// Several times what a server reckons for a game in which nothing has happened, and for one in which much has.
const BYTES_A_GAME: u64 = 8 * 1024;
const BYTES_BESIDE: u64 = 512 * 1024 * 1024;

#[expect(clippy::disallowed_methods, reason = "a report says when it was, and nothing is reckoned from it")]
fn now() -> Moment {
    Moment(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}
