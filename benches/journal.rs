//! What does group commit buy? Durable events a second and the time of one commit, through the journal, with one
//! transaction an event on the same pool, with `pgbench` doing the same inserts, and with batches made by hand: nothing but
//! arrays into the same tables, on as many connections, each with its share of the games. Then the same journal on SQLite.
//!
//! Every game waits for its event before it sends the next, as a game does. Starts a Postgres of its own by
//! `scripts/services`, or uses that of `DATABASE_URL`. Takes about two minutes.

mod by_hand;
mod postgres;

use std::{
    env,
    io::Write as _,
    process::{self, Command},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use rejoin::{
    domain::{Epoch, Event, EventRef, EventType, Game, GameId, Payload, Sequence, Timestamp, UserId},
    shard::{Journal, journal::Submission, metrics::JournalMetrics},
    store::{
        Append, BreakerLimits, Durable, DurableStore, Outcome, Store, Write,
        postgres::{OpenOptions, PostgresStore},
        sqlite::{self, SqliteStore},
    },
};
use tokio::{
    runtime::Runtime,
    sync::{Semaphore, oneshot},
    time::Instant,
};

const LEVELS: [usize; 3] = [1, 64, 1_024];
const LASTING: Duration = Duration::from_secs(5);
const POOL: usize = 10;
/// A move of a chess game, about as long as real ones are.
const MOVE: &str = r#"{"san":"Nxe6+","from":"d4","to":"e6","clock":{"white":171.4,"black":168.0}}"#;

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let url = postgres::start();
    let runtime = Runtime::new().expect("a runtime");
    let options = OpenOptions { pool_max: POOL, ..OpenOptions::default() };
    let open = || PostgresStore::open(&url, &options, runtime.handle()).expect("the store opens");
    let alone = open();
    let journal = start_journal(Durable::Postgres(open()), &runtime);

    println!("Postgres, {POOL} connections");
    println!(
        "{:>6}  {:>28}  {:>28}  {:>20}  {:>28}  {:>27}",
        "games", "journal", "an event a transaction", "pgbench", "batches by hand", "journal is so many times"
    );
    let columns = "events/s  p50 ms  p99 ms";
    let mean = "events/s  mean ms";
    println!("{:>6}  {columns:>28}  {columns:>28}  {mean:>20}  {columns:>28}  {:>27}", "", "single  pgbench  by hand");
    for games in LEVELS {
        let grouped = runtime.block_on(measure(games, &alone, async |append| through(&journal, append).await));
        // As many at a time as there are connections: the others wait here and not for the pool, which would refuse.
        let turns = Semaphore::new(POOL);
        let single = runtime.block_on(measure(games, &alone, async |append| {
            let _turn = turns.acquire().await.expect("never closed");
            alone.commit(vec![Write::Append(append)]).await.is_ok_and(|outcomes| outcomes == [Outcome::Done])
        }));
        let pgbench = pgbench(&url, games);
        // The games that pgbench has made.
        let ids: Vec<String> = (1..=games).map(|number| format!("pgbench-{games}-{number}")).collect();
        let began = Instant::now();
        let batches = runtime.block_on(by_hand::batches(&url, &ids, MOVE, POOL, LASTING));
        let by_hand = Measured::of(batches, began.elapsed());
        let times = |rate| format!("{:>6.2} ×", grouped.rate / rate);
        let (single_is, pgbench_is, by_hand_is) = (times(single.rate), times(pgbench.0), times(by_hand.rate));
        println!(
            "{games:>6}  {grouped}  {single}  {:>10.0} {:>9.2}  {by_hand}  {single_is} {pgbench_is} {by_hand_is}",
            pgbench.0, pgbench.1
        );
    }

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.db");
    let open = || SqliteStore::open(&path, &sqlite::OpenOptions::default()).expect("the store opens");
    let alone = open();
    let journal = start_journal(Durable::Sqlite(open()), &runtime);
    println!("\nSQLite");
    println!("{:>6}  {:>28}  {:>28}  {:>19}", "games", "journal", "an event a transaction", "journal is so many");
    println!("{:>6}  {columns:>28}  {columns:>28}  {:>19}", "", "times single");
    for games in LEVELS {
        let grouped = runtime.block_on(measure(games, &alone, async |append| through(&journal, append).await));
        // One transaction at a time is all that there can be.
        let turns = Semaphore::new(1);
        let single = runtime.block_on(measure(games, &alone, async |append| {
            let _turn = turns.acquire().await.expect("never closed");
            alone.commit(vec![Write::Append(append)]).await.is_ok_and(|outcomes| outcomes == [Outcome::Done])
        }));
        println!("{games:>6}  {grouped}  {single}  {:>17.2} ×", grouped.rate / single.rate);
    }
}

fn start_journal(durable: Durable, runtime: &Runtime) -> Journal {
    let (limits, mut registry) = (BreakerLimits::default(), Registry::default());
    let store = Store::of_one_tier(durable, Duration::from_secs(2), limits, &mut registry);
    let metrics = Arc::new(JournalMetrics::register(&mut Registry::default()));
    let (journal, writing) = Journal::start(store, metrics);
    runtime.spawn(writing);
    journal
}

/// What was reached with so many games at once.
struct Measured {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

impl Measured {
    fn of(times: Vec<Vec<Duration>>, lasted: Duration) -> Self {
        let mut times: Vec<Duration> = times.into_iter().flatten().collect();
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a count of events")]
        let rate = times.len() as f64 / lasted.as_secs_f64();
        Self { rate, p50: at(50), p99: at(99) }
    }
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        write!(f, "{:>12.0} {:>7.2} {:>7.2}", self.rate, millis(self.p50), millis(self.p99))
    }
}

async fn measure(games: usize, store: &impl DurableStore, record: impl AsyncFn(Append) -> bool) -> Measured {
    let games = make_games(games, store).await;
    let began = Instant::now();
    let players = games.into_iter().map(|(id, epoch)| play(id, epoch, began + LASTING, &record));
    Measured::of(join_all(players).await, began.elapsed())
}

async fn make_games(count: usize, store: &impl DurableStore) -> Vec<(GameId, Epoch)> {
    let name = Epoch::generate();
    let game = |number| GameId::parse(&format!("{name}-{number}")).expect("an id");
    let games: Vec<_> = (0..count).map(|number| Game::new(game(number), now(), 0)).collect();
    let named = games.iter().map(|game| (game.id.clone(), game.epoch)).collect();
    let writes = games.into_iter().map(|game| Write::CreateGame(Box::new(game))).collect();
    store.commit(writes).await.expect("the games are made");
    named
}

async fn play(id: GameId, epoch: Epoch, until: Instant, record: &impl AsyncFn(Append) -> bool) -> Vec<Duration> {
    let (mut head, mut times) = (0, Vec::new());
    while Instant::now() < until {
        let events = vec![Arc::new(event(head + 1))];
        let append = Append {
            game_id: id.clone(),
            epoch,
            expected_head: Sequence::new(head),
            expected_clock: 0,
            events,
            clock: None,
        };
        let began = Instant::now();
        assert!(record(append).await, "every event is recorded");
        times.push(began.elapsed());
        head += 1;
    }
    times
}

async fn through(journal: &Journal, append: Append) -> bool {
    let (told, answer) = oneshot::channel();
    let then = Box::new(move |written| {
        let _ = told.send(written == Ok(Outcome::Done));
    });
    let submitted = journal.submit(Submission { write: Write::Append(append), then });
    submitted.is_ok() && answer.await.unwrap_or(false)
}

fn event(number: u64) -> Event {
    Event {
        sequence: Sequence::new(number),
        event_type: EventType::parse("move").expect("a type"),
        payload: Payload::from_json(MOVE).expect("a payload"),
        user_id: UserId::parse("white").ok(),
        client_ref: EventRef::parse(&number.to_string()).ok(),
        created_at: now(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_763_700_000_000)
}

/// Events a second and the mean time of one in ms, for a program that does nothing else. Of more than 16 clients on a
/// small machine none is faster.
fn pgbench(url: &str, games: usize) -> (f64, f64) {
    let script = format!(
        "\\set game random(1, {games})
         with moved as (
             update game set head = head + 1, updated_at = 1763700000000 where id = 'pgbench-{games}-' || :game
             returning id, head
         )
         insert into game_event (game_id, sequence, type, user_id, ref, payload, created_at)
         select id, head, 'move', 'white', head::text, '{MOVE}', 1763700000000 from moved;\n"
    );
    let setup = format!(
        "insert into game (id, epoch, head, floor, seats_version, created_at, updated_at, players)
         select 'pgbench-{games}-' || number, 'e', 0, 0, 0, 0, 0, '[]' from generate_series(1, {games}) number
         on conflict do nothing"
    );
    postgres::run(Command::new("psql").args([url, "-qc", &setup]));
    let mut file = env::temp_dir();
    file.push(format!("rejoin-pgbench-{}.sql", process::id()));
    std::fs::File::create(&file).and_then(|mut file| file.write_all(script.as_bytes())).expect("a script");
    let clients = games.min(16).to_string();
    let seconds = LASTING.as_secs().to_string();
    let output = postgres::run(
        Command::new("pgbench")
            .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, "-f"])
            .arg(&file)
            .arg(url),
    );
    let _ = std::fs::remove_file(file);
    let number = |label: &str| {
        let line = output.lines().find(|line| line.contains(label)).unwrap_or_default();
        line.split(" = ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(f64::NAN)
    };
    (number("tps"), number("latency average"))
}
