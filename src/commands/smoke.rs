//! `rejoin smoke`: plays real games against a running server, loses connections on purpose, and judges what came back.

mod board;
mod clocks;
pub mod deep_blue;
mod findings;
mod progress;
mod report;
mod script;

use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use tokio::time::Instant;
use uuid::Uuid;

use self::{board::Board, progress::Progress};
use crate::client::{Backend, ClientError};

pub use report::{GameReport, SmokeReport};

/// Play the six games Kasparov - Deep Blue 1997 against a running server, with two clients each, at once.
///
/// After every tenth move one of the two loses its connection without a goodbye and comes back with its resume token.
/// Checks that both saw every move once and in order, that the server prunes what both have acknowledged, and nothing
/// else, and that the clocks lost just the time between the moves. Exits with 1 when anything is amiss. The server may be restarted meanwhile.
#[derive(Debug, Clone, Args)]
pub struct SmokeOptions {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: String,
    /// How many of the six games to play, at the same time
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=6), value_name = "N")]
    pub games: u8,
    /// How often to play them, one time after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    pub rounds: u32,
    /// How long everything together may take
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS")]
    pub timeout: u64,
}

/// Plays, and reports; an unreachable server is a report like any other. `access_secret` signs the players' tokens,
/// `api_token` makes the games, with clocks, and ends them; without it their first joins make them, where the server allows
/// that.
///
/// # Errors
/// `Mint`: the tokens could not be signed, nothing was played.
pub async fn run(
    options: &SmokeOptions,
    access_secret: &str,
    api_token: Option<&str>,
) -> Result<SmokeReport, ClientError> {
    let started = Instant::now();
    let timeout = Duration::from_secs(options.timeout);
    let records = deep_blue::games();
    let records = &records[..records.len().min(options.games.into())];
    let run_id = Uuid::new_v4().simple().to_string().split_off(RUN_ID_SKIPPED);

    let backend = api_token.map(|api_token| Backend::new(&options.url, api_token));
    let mut games = Vec::new();
    for round in 1..=options.rounds {
        let progress = Progress::new(round, records.iter().map(|record| record.moves.len()));
        let mut boards = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let game_id = match options.rounds {
                1 => format!("smoke-{run_id}-{}", index + 1),
                _ => format!("smoke-{run_id}-{round}-{}", index + 1),
            };
            let board = Board::new(&options.url, game_id, backend.clone(), access_secret, timeout, started + timeout)?;
            let progress = &progress;
            boards.push(async move {
                let report = board.play(&record.moves, |number| progress.moved(index, number)).await;
                progress.finished(index, &report);
                report
            });
        }
        games.extend(join_all(boards).await);
        progress.done();
        if started.elapsed() >= timeout {
            break;
        }
    }
    Ok(SmokeReport { url: options.url.clone(), took: started.elapsed(), games })
}

/// Leaves eight of the 32 digits, enough to tell runs apart.
const RUN_ID_SKIPPED: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake_server::{FakeServer, Mischief};

    async fn smoke(mischief: Mischief, timeout: u64) -> SmokeReport {
        let server = FakeServer::start(mischief).await;
        let options = SmokeOptions { url: server.url, games: 2, rounds: 1, timeout };
        run(&options, "secret", None).await.unwrap()
    }

    #[tokio::test]
    async fn a_faultless_server_passes() {
        let report = smoke(Mischief::None, 60).await;

        assert!(report.passed(), "{report}");
        let game = &report.games[0];
        assert_eq!((game.moves_played, game.cuts, game.losses), (89, 10, 0));
    }

    #[tokio::test]
    async fn a_restart_in_the_middle_is_tolerated() {
        let report = smoke(Mischief::Drain(33), 60).await;

        assert!(report.passed(), "{report}");
        assert_eq!((report.games[0].losses, report.games[0].resent >= 1), (1, true));
    }

    #[tokio::test]
    async fn a_move_that_one_side_never_sees_fails_the_run() {
        let report = smoke(Mischief::LoseEvent(33), 2).await;

        assert!(!report.passed());
        assert!(report.to_string().contains("stopped after move 32: black could not see move 33"), "{report}");
    }

    #[tokio::test]
    async fn a_floor_that_stays_behind_fails_the_run() {
        let report = smoke(Mischief::NeverPrune, 60).await;

        assert!(report.to_string().contains("white came back to floor 0, though both had acknowledged 5"), "{report}");
    }
}
