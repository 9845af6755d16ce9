//! Moves written in batches made by hand: one statement a batch, arrays into the tables that Rejoin writes to, with
//! nothing in between. What the journal, and whatever else writes moves, is held against.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_postgres::NoTls;

/// Writes one move to each of its games at once, again and again, on so many connections. Returns, by connection, how long
/// each move took.
pub async fn batches(
    url: &str,
    games: &[String],
    payload: &str,
    connections: usize,
    lasting: Duration,
) -> Vec<Vec<Duration>> {
    let began = Instant::now();
    let workers = (0..connections.min(games.len())).map(async |worker| {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        let ids: Vec<&String> = games.iter().skip(worker).step_by(connections).collect();
        let payloads = vec![payload; ids.len()];
        let statement = client.prepare(STATEMENT).await.expect("a statement");
        let mut times = Vec::new();
        while began.elapsed() < lasting {
            let began = Instant::now();
            let written = client.execute(&statement, &[&ids, &payloads]).await.expect("it is written");
            assert_eq!(written, ids.len() as u64);
            times.extend(ids.iter().map(|_| began.elapsed()));
        }
        times
    });
    join_all(workers).await
}

const STATEMENT: &str = "
    with moved as (
        update game set head = head + 1, updated_at = 1763700000000
        from unnest($1::text[]) as wanted(id) where game.id = wanted.id
        returning game.id, game.head
    )
    insert into game_event (game_id, sequence, type, user_id, ref, payload, created_at)
    select moved.id, moved.head, 'move', 'white', moved.head::text, batch.payload, 1763700000000
    from unnest($1::text[], $2::text[]) as batch(id, payload) join moved on moved.id = batch.id";
