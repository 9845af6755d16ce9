//! How late do flags fall? From the moment a clock reaches zero to the moment its player is told, over real sockets, beside
//! players who send one event after the other as fast as they are confirmed.
//!
//! Starts a server of its own, on SQLite or on the Postgres of `DATABASE_URL`. Server and players share the machine: this
//! is an upper bound. Takes about half a minute.

use std::{
    env,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use rejoin::{
    client::{AccessClaims, Backend, Dial, Incoming, Link, Outgoing, Seat, mint_access_token},
    clock::Clock,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Players who keep the server busy meanwhile.
const LEVELS: [usize; 3] = [0, 16, 64];
/// Games whose flags fall, one after the other and some at once.
const FLAGS: u64 = 400;
/// When the first clock runs out, and how far apart the others follow.
const FIRST_MS: u64 = 3_000;
const APART_MS: u64 = 10;
const API_TOKEN: &str = "the API token of the benches and long enough";
const SECRET: &str = "the access token secret of the benches";
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let server = Server::start();
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

struct Server {
    child: Child,
    url: String,
    backend: Backend,
    _folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rejoin"))
            .arg("serve")
            .current_dir(folder.path())
            .envs([("PORT", free.port().to_string().as_str()), ("ADMIN_PORT", "0"), ("LOG_LEVEL", "warn")])
            .envs([("API_TOKEN", API_TOKEN), ("ACCESS_TOKEN_SECRET", SECRET)])
            .envs([("WS_RATE_PER_SECOND", "1000000"), ("WS_RATE_BURST", "1000000")])
            .env("MAX_CONNECTIONS_PER_USER", FLAGS.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        let url = format!("http://{free}");
        let backend = Backend::new(&url, API_TOKEN);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            while backend.make_game("first", &[], None).await.is_err() {
                let ended = child.try_wait().expect("it is our child");
                assert!(ended.is_none(), "the server ended: {ended:?}");
                sleep(Duration::from_millis(50)).await;
            }
        });
        Self { child, backend, url, _folder: folder }
    }

    fn dial(&self, game_id: &str, user_id: &str) -> Dial {
        let claims = AccessClaims {
            user_id: user_id.to_owned(),
            games: Some(vec![game_id.to_owned()]),
            role: None,
            lifetime: Duration::from_secs(600),
        };
        let token = mint_access_token(&claims, SECRET).expect("a token");
        Dial::new(&self.url, game_id).with_access_token(token)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
