//! A node that is told to go while it is full of games: its players are at another one within moments.

use std::{collections::HashMap, time::Duration};

use rejoin::client::Dial;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    proxy::Proxy,
    rig::{audit, serve},
    services::{
        Service::{Postgres, Redis},
        Services,
    },
    support::{Chance, Server, crowd::Crowd, crowd::Style},
};

/// Two hundred games, and pauses that leave a small machine some air.
const MANY: Style = Style { games: 200, pause_below_ms: 1_500, patience: Duration::from_secs(10) };
/// The default of `SHUTDOWN_GRACE_MS`.
const GRACE: Duration = Duration::from_secs(5);
/// How soon everybody is to be back on a machine that has little else to do.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// How much slower a machine may be that runs both nodes, their stores, all players, and other tests.
const BUSY: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_games_move_to_another_node_without_a_loss() {
    let mut chance = Chance::announced();
    let services = Services::start(&[Postgres, Redis]);
    let mut first = serve(&services, &[Postgres, Redis], &[]).await;
    let second = serve(&services, &[Postgres, Redis], &[]).await;
    let balancer = Proxy::balancing(&[&first, &second]).await;
    balancer.lead_to(0);
    let through = |game_id: &str, user_id: &str| Dial { url: balancer.url(), ..second.dial(game_id, user_id) };
    let crowd = Crowd::gather(MANY, &mut chance, through).await;
    let players = u64::try_from(2 * MANY.games).unwrap();
    assert_eq!(second.metric("ws_connections", &[]), 0);

    balancer.lead_to(1);
    first.terminate();
    let told_at = Instant::now();
    let status = first.gone(GRACE).await;
    let gone_after = told_at.elapsed();
    crowd.goes_on().await;
    let resumed_slowly = players - resumed_within(&second, "0.5").min(players);
    let report = audit(crowd, &second).await;

    let mut back = returns(&first, &second);
    back.sort_unstable();
    let (median, last) = (back[back.len() / 2], back[back.len() - 1]);
    println!(
        "gone after {gone_after:?}; back after {median:?} (median), {last:?} (last); {resumed_slowly} resumed slowly"
    );
    assert_eq!(status.code(), Some(0));
    assert_eq!(u64::try_from(back.len()).unwrap(), players, "not everybody came back with a token");
    assert!(last < BACK_WITHIN * BUSY, "somebody was away for {last:?}");
    assert!(report.losses >= MANY.games, "{report}");
}

/// How many resumes a server has done within so many seconds.
fn resumed_within(server: &Server, seconds: &str) -> u64 {
    server.metric("ws_resume_duration_seconds_bucket", &[&format!("le=\"{seconds}\"")])
}

/// How long after one node began to drain each seat was first welcomed by the other, by both nodes' logs.
fn returns(from: &Server, to: &Server) -> Vec<Duration> {
    let told = messages(from, "Draining").next().expect("it has drained");
    let mut welcomed: HashMap<String, u64> = HashMap::new();
    for line in messages(to, "Accepted resume token") {
        let seat = line["sessionId"].as_str().unwrap().to_owned();
        let at = millis(&line);
        welcomed.entry(seat).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }
    welcomed.into_values().map(|at| Duration::from_millis(at.saturating_sub(millis(&told)))).collect()
}

fn messages(server: &Server, message: &str) -> impl Iterator<Item = Value> {
    let lines: Vec<String> = server.log().into_iter().filter(|line| line.contains(message)).collect();
    lines.into_iter().map(|line| serde_json::from_str(&line).unwrap())
}

/// When a line was written, in milliseconds.
fn millis(line: &Value) -> u64 {
    let at = humantime::parse_rfc3339(line["timestamp"].as_str().unwrap()).unwrap();
    u64::try_from(at.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
