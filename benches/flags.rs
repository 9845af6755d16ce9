//! How late do flags fall? From the moment a clock reaches zero to the moment its player is told, over real sockets, beside
//! players who send one event after the other as fast as they are confirmed.
//!
//! Starts a server of its own, on SQLite or on the Postgres of `DATABASE_URL`. Server and players share the machine: this
//! is an upper bound. Takes about half a minute.

mod server;

use std::{
    env,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use rejoin::{
    client::{Incoming, Link, Outgoing, Seat},
    clock::Clock,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use self::server::Server;

/// Players who keep the server busy meanwhile.
const LEVELS: [usize; 3] = [0, 16, 64];
/// Games whose flags fall, one after the other and some at once.
const FLAGS: u64 = 400;
/// When the first clock runs out, and how far apart the others follow.
const FIRST_MS: u64 = 3_000;
const APART_MS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let server = Server::start(&[("MAX_CONNECTIONS_PER_USER", &FLAGS.to_string())]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("{:>7}  {:>8}  {:>27}", "players", "events/s", "flags late by, ms");
    println!("{:>7}  {:>8}  {:>6} {:>6} {:>6} {:>6}", "", "", "p50", "p95", "p99", "max");
    for (round, players) in LEVELS.into_iter().enumerate() {
        let (late, rate) = runtime.block_on(measure(&server, round, players));
        let at = |percent: usize| late[(late.len() * percent).div_ceil(100) - 1];
        println!("{players:>7}  {rate:>8}  {:>6} {:>6} {:>6} {:>6}", at(50), at(95), at(99), at(100));
    }
}

/// How late each flag fell, in ascending order, and the events a second beside.
async fn measure(server: &Server, round: usize, players: usize) -> (Vec<i64>, u64) {
    let (over, events) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    let busy = join_all((0..players).map(|number| keep_busy(server, format!("busy-{round}-{number}"), &over, &events)));
    let flags = async {
        let waiting =
            join_all((0..FLAGS).map(|number| wait_for_flag(server, format!("flag-{round}-{number}"), number)));
        let late = waiting.await;
        over.store(true, Ordering::Relaxed);
        late
    };
    let (_, mut late) = tokio::join!(busy, flags);
    late.sort_unstable();
    (late, events.load(Ordering::Relaxed) / began.elapsed().as_secs().max(1))
}

/// Sends one event after the other, each once the one before is confirmed.
async fn keep_busy(server: &Server, game_id: String, over: &AtomicBool, events: &AtomicU64) {
    let mut seat = Seat::new(server.dial(&game_id, "busy"));
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let name = number.to_string();
        let played = seat.play("chat", r#"{"text":"hurry up"}"#, &name, Instant::now() + PATIENCE);
        let sequence = played.await.expect("it is recorded").sequence;
        events.fetch_add(1, Ordering::Relaxed);
        if number % 100 == 0 {
            seat.acknowledge(sequence, Instant::now() + PATIENCE).await.expect("it is kept");
        }
    }
}

/// Lets a clock run out and says how many milliseconds later its player was told.
async fn wait_for_flag(server: &Server, game_id: String, number: u64) -> i64 {
    // Not all at once: that would be measured too.
    sleep(Duration::from_millis(number * 4)).await;
    let control = json!({ "preset": "CUSTOM", "totalTimeMs": FIRST_MS + number * (APART_MS - 4) });
    server.backend.make_game(&game_id, &["ann".to_owned()], Some(&control)).await.expect("the game is made");
    let mut link = Link::connect(&server.dial(&game_id, "ann")).await.expect("a connection");
    link.send(&Outgoing::event("move", "{}")).await.expect("it is sent");
    loop {
        if let Incoming::Live(event) = link.next(PATIENCE).await.expect("a frame")
            && event.event_type == "flag_fall"
        {
            let zero = i64::try_from(event.created_at_ms).expect("a time");
            return Clock::system().now().as_millis() - zero;
        }
    }
}
