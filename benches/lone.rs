//! What does one game alone wait for? The confirmation of a move, held against what nothing durable can do without: one
//! echo over a WebSocket and one commit of a single row, on the same Postgres.
//!
//! The three take turns, so that whatever else the machine does is in all of them. Starts a Postgres of its own by
//! `scripts/services`, or uses that of `DATABASE_URL`; server, database and player share the machine. Takes half a minute.

mod postgres;
mod server;

use std::{env, net::Ipv4Addr, thread, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rejoin::client::{Incoming, Link, Outgoing};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{self, Runtime},
    time::Instant,
};
use tokio_postgres::{Client, NoTls, Statement};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async, tungstenite::Message};

use self::server::Server;

/// Turns that are measured, and those before, in which everything is prepared and warm.
const TURNS: usize = 10_000;
const WARM_UP: usize = 1_000;
/// A move of a chess game, about as long as real ones are.
const MOVE: &str = r#"{"san":"Nxe6+","from":"d4","to":"e6","clock":{"white":171.4,"black":168.0}}"#;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let database = postgres::start();
    let server = Server::start(&[("DATABASE_URL", &database), ("RUN_MIGRATIONS", "true")]);
    let runtime = Runtime::new().expect("a runtime");
    let [echo, commit, confirmation] = runtime.block_on(measure(&server, &database));

    println!("one game alone, {TURNS} turns of each");
    println!("{:<32}  {:>7}  {:>7}  {:>7}", "", "p50 µs", "p95 µs", "p99 µs");
    for (name, times) in [("echo", &echo), ("commit of a row", &commit), ("confirmation of a move", &confirmation)] {
        let [p50, p95, p99] = [50, 95, 99].map(|percent| at(times, percent));
        println!("{name:<32}  {p50:>7.0}  {p95:>7.0}  {p99:>7.0}");
    }
    let both = at(&echo, 50) + at(&commit, 50);
    println!("confirmation p50 is {:.2} × an echo and a commit", at(&confirmation, 50) / both);
}

/// Times in ascending order: of echoes, of commits, of confirmations.
async fn measure(server: &Server, database: &str) -> [Vec<Duration>; 3] {
    let (mut echo, mut commit) = (Echo::start().await, Commit::prepare(database).await);
    server.backend.make_game("lone", &["ann".to_owned()], None).await.expect("the game is made");
    server.backend.make_game("lone", &["ann".to_owned()], None).await.expect("the game is made");
    let mut player = Link::connect(&server.dial("lone", "ann")).await.expect("a connection");
    let mut times = [const { Vec::new() }; 3];
    for turn in 1..=WARM_UP + TURNS {
        let outgoing = Outgoing::event("move", MOVE).named(turn.to_string());
        let began = Instant::now();
        echo.turn(outgoing.to_text()).await;
        let echoed = Instant::now();
        commit.turn().await;
        let committed = Instant::now();
        player.send(&outgoing).await.expect("it is sent");
        while !matches!(player.next(PATIENCE).await.expect("a frame"), Incoming::Live(event) if event.sequence == turn as u64)
        {
        }
        let confirmed = Instant::now();
        if turn > WARM_UP {
            for (times, took) in times.iter_mut().zip([echoed - began, committed - echoed, confirmed - committed]) {
                times.push(took);
            }
        }
        if turn.is_multiple_of(100) {
            player.ack(turn as u64).await.expect("it is sent");
        }
    }
    times.iter_mut().for_each(|times| times.sort_unstable());
    times
}

fn at(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() * percent).div_ceil(100) - 1].as_secs_f64() * 1e6
}

/// A WebSocket to a server that does nothing but send back what comes, on a thread of its own.
struct Echo(WebSocketStream<TcpStream>);

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let listener = listener.into_std().expect("nobody waits on it yet");
        thread::spawn(move || {
            let own = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            own.block_on(async {
                let listener = TcpListener::from_std(listener).expect("it listens");
                let (stream, _) = listener.accept().await.expect("somebody comes");
                stream.set_nodelay(true).expect("it is a TCP socket");
                let mut socket = accept_async(stream).await.expect("a handshake");
                while let Some(Ok(message)) = socket.next().await {
                    socket.send(message).await.expect("it is sent back");
                }
            });
        });
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Self(client_async(format!("ws://{address}/"), stream).await.expect("a handshake").0)
    }

    async fn turn(&mut self, text: String) {
        self.0.send(Message::text(text)).await.expect("it is sent");
        self.0.next().await.expect("it is open").expect("a frame");
    }
}

/// One row of an event, in a table that has nothing else.
struct Commit {
    client: Client,
    statement: Statement,
}

impl Commit {
    async fn prepare(database: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(database, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
            .batch_execute(
                "create table if not exists lone (id bigint generated always as identity primary key, payload text)",
            )
            .await
            .expect("a table");
        let statement = client.prepare("insert into lone (payload) values ($1)").await.expect("a statement");
        Self { client, statement }
    }

    async fn turn(&mut self) {
        let written = self.client.execute(&self.statement, &[&MOVE]).await.expect("it is written");
        assert_eq!(written, 1);
    }
}
