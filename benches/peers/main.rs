//! How does Rejoin stand beside its peers? The same play and the same storm for each of them, one after the other on this
//! machine, by the same clients; and what the stores below can do at best.
//!
//! `make bench-peers` runs it and writes docs/performance.md; `cargo bench --bench peers -- --quick` is a trial. Needs Node
//! with npm, and Go for Centrifugo. Takes about a quarter of an hour.

mod bars;
#[path = "../by_hand/mod.rs"]
mod by_hand;
mod crowd;
mod dialect;
mod figures;
mod limits;
mod machine;
mod options;
mod play;
mod process;
mod promises;
mod report;
mod results;
mod seat;
mod storm;
mod usage;
mod venues;

use std::{env, process::ExitCode, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    runtime,
    time::{Instant, sleep, timeout},
};

use machine::Machine;
use options::Options;
use results::{Found, Results};
use venues::Services;

fn main() -> ExitCode {
    // `cargo test --benches` only asks whether it starts, and `cargo bench` has enough to do without it.
    let is_told = |wanted: &[&str]| env::args().any(|argument| wanted.contains(&argument.as_str()));
    if !is_told(&["--bench"]) || !is_told(&["--quick", "--write"]) {
        println!("peers: `make bench-peers` runs this, `cargo bench --bench peers -- --quick` tries it");
        return ExitCode::SUCCESS;
    }
    let options = Options::read();
    let clients = runtime::Builder::new_multi_thread().worker_threads(CLIENT_THREADS).enable_all().build();
    let compared = clients.expect("a runtime").block_on(async {
        tokio::select! {
            compared = compare(&options) => compared,
            // Everything that was started ends on the way out.
            _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
        }
    });
    match compared {
        Ok(results) if results.peers.iter().all(|found| found.faults().next().is_none()) => ExitCode::SUCCESS,
        Ok(_) => {
            eprintln!("peers: something was wrong, see above");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn compare(options: &Options) -> Result<Results, String> {
    allow_files();
    let began = Instant::now();
    eprintln!("preparing");
    let services = Services::start()?;
    let mut results = Results::begin(options, Machine::here(services.postgres_version().await?));
    for round in 1..=options.rounds {
        for found in results.peers.iter_mut().filter(|found| found.not_run.is_none()) {
            eprintln!("{:>4} s  round {round} of {}: {}", began.elapsed().as_secs(), options.rounds, found.name);
            if let Err(trouble) = turn(found, &services, options).await {
                eprintln!("        {trouble}");
                found.troubles.push(format!("round {round}: {trouble}"));
            }
        }
        eprintln!("{:>4} s  round {round} of {}: limits", began.elapsed().as_secs(), options.rounds);
        let limits = limits::limits(&services, options.lasting().div_f64(LIMITS_SHARE));
        results.limits.push(timeout(LIMITS_WITHIN, limits).await.map_err(|_| "the stores are late")??);
    }
    results.took_seconds = began.elapsed().as_secs();
    println!("{}", report::section(&results));
    if let Some(page) = &options.write {
        report::write(page, &results).map_err(|error| error.to_string())?;
    }
    Ok(results)
}

/// A play and both storms, each with a server of its own.
async fn turn(found: &mut Found, services: &Services, options: &Options) -> Result<(), String> {
    let venue = found.peer.open(services).await?;
    let played = play::play(&venue, options.games, options.lasting()).await?;
    eprintln!("        {:.0} moves/s, p50 {:.1} ms", played.moves_per_second, played.p50_ms);
    found.plays.push(played);
    drop(venue);
    for (players, storms) in options.storms().into_iter().zip(&mut found.storms) {
        let venue = found.peer.open(services).await?;
        let stormed = storm::storm(&venue, players).await?;
        eprintln!("        {} of {players} back, the last after {:.0?} ms", stormed.back, stormed.max_ms);
        storms.push(stormed);
        drop(venue);
        sleep(BETWEEN_SERVERS).await;
    }
    Ok(())
}

/// Each connection is an open file, and servers of ours inherit the limit.
fn allow_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it cannot be raised, connecting says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// As `rejoin load` has it.
const CLIENT_THREADS: usize = 2;
/// Each limit is measured for a fifth of the time of a play.
const LIMITS_SHARE: f64 = 5.0;
/// Far more than they need.
const LIMITS_WITHIN: Duration = Duration::from_secs(300);
/// Until the kernel has buried the connections of the last one.
const BETWEEN_SERVERS: Duration = Duration::from_millis(500);
