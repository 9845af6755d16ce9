//! What the stores themselves can do, with nothing in between: the bound of whatever is built on them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, future::try_join_all};
use rejoin::store::postgres::{OpenOptions, PostgresStore};
use serde::Serialize;
use tokio::{runtime::Handle, time::Instant};
use tokio_postgres::{Client, NoTls};

use crate::{
    by_hand,
    dialect::Move,
    figures::percentile,
    venues::{Services, connect_redis},
};

/// How many of one thing a store does in a second.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    pub name: &'static str,
    pub per_second: f64,
    /// Of a whole pipeline, batch or copy.
    pub p50_ms: f64,
}

/// Measures all of them, each for so long.
///
/// # Errors
/// A store refuses.
pub async fn limits(services: &Services, lasting: Duration) -> Result<Vec<Limit>, String> {
    let redis = async {
        let url = services.fresh_redis().await?;
        of_redis(&url, lasting).await.map_err(|error| format!("Redis: {error}"))
    };
    let mut all = redis.await?;
    let url = services.fresh_database().await?;
    let schema = {
        let (url, runtime) = (url.clone(), Handle::current());
        move || PostgresStore::open(&url, &OpenOptions::default(), &runtime).map(drop)
    };
    // It brings the schema up to date in a runtime of its own.
    let opened = tokio::task::spawn_blocking(schema).await.expect("opening does not panic");
    opened.map_err(|error| error.to_string())?;
    all.extend(of_postgres(&url, lasting).await.map_err(|error| format!("Postgres: {error}"))?);
    Ok(all)
}

async fn of_redis(url: &str, lasting: Duration) -> redis::RedisResult<Vec<Limit>> {
    let chess_move = Move { number: 17, is_last: false }.to_string();
    let key = |number: usize| format!("game:{number}");
    let seat = |number: usize| format!("seat:{number}");
    let mut connection = connect_redis(url).await?;
    let mut set_up = redis::pipe();
    for number in 0..KEYS {
        for field in ["id", "user", "token", "acknowledged", "issued", "expires", "beat", "version"] {
            set_up.cmd("HSET").arg(seat(number)).arg(field).arg("1763700000000").ignore();
        }
    }
    set_up.exec_async(&mut connection).await?;
    let add = |pipe: &mut redis::Pipeline, number| {
        pipe.cmd("XADD").arg(key(number)).arg(&["MAXLEN", "~", "50", "*", "move"]).arg(&chess_move).ignore();
    };
    let range = |pipe: &mut redis::Pipeline, number| {
        pipe.cmd("XRANGE").arg(key(number)).arg(&["-", "+", "COUNT", "50"]).ignore();
    };
    let seats = |pipe: &mut redis::Pipeline, number| {
        pipe.cmd("HGETALL").arg(seat(number)).ignore();
    };
    Ok(vec![
        piped(&connection, lasting, ADDED_AT_ONCE, "Redis: XADD, pipelines of 256", add).await?,
        piped(&connection, lasting, READ_AT_ONCE, "Redis: XRANGE of 50, pipelines of 64", range).await?,
        piped(&connection, lasting, ADDED_AT_ONCE, "Redis: HGETALL of 8 fields, pipelines of 256", seats).await?,
    ])
}

/// Two pipelines are under way at any time, so that Redis never waits for us.
async fn piped(
    connection: &redis::aio::MultiplexedConnection,
    lasting: Duration,
    at_once: usize,
    name: &'static str,
    command: impl Fn(&mut redis::Pipeline, usize),
) -> redis::RedisResult<Limit> {
    let command = &command;
    let began = Instant::now();
    let worker = async |first: usize| {
        let (mut connection, mut times, mut number) = (connection.clone(), Vec::new(), first);
        while began.elapsed() < lasting {
            let mut pipe = redis::pipe();
            for _ in 0..at_once {
                command(&mut pipe, number % KEYS);
                number += 1;
            }
            let began = Instant::now();
            pipe.exec_async(&mut connection).await?;
            times.push(began.elapsed());
        }
        Ok::<_, redis::RedisError>(times)
    };
    let times = try_join_all([worker(0), worker(KEYS / 2)]).await?;
    Ok(limit(name, at_once, times, began.elapsed()))
}

async fn of_postgres(url: &str, lasting: Duration) -> Result<Vec<Limit>, tokio_postgres::Error> {
    let games: Vec<String> = (0..KEYS).map(|number| format!("limit-{number}")).collect();
    connect(url).await?.execute(MAKE_GAMES, &[&games]).await?;
    let began = Instant::now();
    let chess_move = Move { number: 17, is_last: false }.to_string();
    let batches = by_hand::batches(url, &games, &chess_move, CONNECTIONS, lasting).await;
    // One time stands for each event there.
    let by_hand = limit("Postgres: rows of a move by `unnest`, batches of 500", 1, batches, began.elapsed());

    let began = Instant::now();
    let copies = try_join_all((0..CONNECTIONS).map(async |worker| {
        let (client, mut times) = (connect(url).await?, Vec::new());
        while began.elapsed() < lasting {
            let began = Instant::now();
            let rows = rows(worker, times.len(), &chess_move);
            let mut sink = std::pin::pin!(client.copy_in::<_, Bytes>(COPY).await?);
            sink.send(rows).await?;
            sink.finish().await?;
            times.push(began.elapsed());
        }
        Ok::<_, tokio_postgres::Error>(times)
    }));
    let copies = copies.await?;
    let copied = limit("Postgres: the event's row alone by COPY of 500", COPIED_AT_ONCE, copies, began.elapsed());
    Ok(vec![by_hand, copied])
}

/// Events of games that no one else writes to, numbered on.
fn rows(worker: usize, round: usize, chess_move: &str) -> Bytes {
    let row = |number: usize| {
        let sequence = round + 1;
        format!("copied-{worker}-{number}\t{sequence}\tmove\twhite\t{sequence}\t{chess_move}\t1763700000000\n")
    };
    (0..COPIED_AT_ONCE).map(row).collect::<String>().into()
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn limit(name: &'static str, of: usize, times: Vec<Vec<Duration>>, lasted: Duration) -> Limit {
    let mut times: Vec<f64> = times.into_iter().flatten().map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a count of commands")]
    let per_second = (times.len() * of) as f64 / lasted.as_secs_f64();
    Limit { name, per_second, p50_ms: percentile(&times, 50).unwrap_or(f64::NAN) }
}

const KEYS: usize = 1_000;
const ADDED_AT_ONCE: usize = 256;
const READ_AT_ONCE: usize = 64;
/// As many as keep two cores busy.
const CONNECTIONS: usize = 2;
const COPIED_AT_ONCE: usize = 500;
const COPY: &str = "copy game_event (game_id, sequence, type, user_id, ref, payload, created_at) from stdin";
const MAKE_GAMES: &str = "
    insert into game (id, epoch, head, floor, seats_version, created_at, updated_at, players)
    select id, 'e', 0, 0, 0, 0, 0, '[]' from unnest($1::text[]) id";
