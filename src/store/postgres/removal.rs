//! What ends: sessions that are revoked, games that are deleted, and what nobody needs any more.

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{Statement, writes::column};
use crate::{
    domain::{Epoch, GameId, Timestamp},
    store::{
        Outcome, Retention, Revocation, Revoked,
        sql::{
            clean_up::Chunk,
            rows::{RevokedRow, unreadable},
            schema::{game, game_event, game_receipt, game_session},
        },
    },
};

/// One chunk takes some 10 ms.
const SEATS_A_CHUNK: u32 = 256;
/// Deleting the events of more games at once takes several times as long a row.
const GAMES_A_CHUNK: u32 = 16;
const RECEIPTS_A_CHUNK: u32 = 4096;
/// Any number, the same on every node.
pub(super) const CLEANING: i64 = 0x7265_6a6f_696e_0001;

/// Locks games, in the order in which everyone locks them.
pub(super) async fn lock_games(connection: &mut AsyncPgConnection, games: &[&str]) -> QueryResult<()> {
    Statement::new("select from game where id = any(?) order by id for no key update")
        .bind::<Array<Text>, _>(games)
        .execute(connection)
        .await?;
    Ok(())
}

/// Revokes sessions by one of their columns. Their games are locked first, as whoever takes a seat does.
macro_rules! revoking_by {
    ($column:literal) => {
        concat!(
            "with given (which, at) as (values (?, ?)), locked as materialized (
                 select id from game
                 where id = any(array(
                     select game_id from game_session
                     where revoked_at is null and ",
            $column,
            " = (select which from given)
                 ))
                 order by id for no key update
             ), revoked as (
                 update game_session seat set revoked_at = (select at from given)
                 from locked
                 where seat.game_id = any(array[locked.id]) and seat.revoked_at is null and seat.",
            $column,
            " = (select which from given)
                 returning seat.game_id, seat.user_id, seat.id
             ), noticed as (
                 update game set seats_version = seats_version + 1
                 from revoked
                 where game.id = any(array[revoked.game_id])
             )
             select * from revoked"
        )
    };
}

/// Revokes sessions that were not revoked before.
pub(super) async fn revoke(
    connection: &mut AsyncPgConnection,
    which: &Revocation,
    now: Timestamp,
) -> QueryResult<Vec<Revoked>> {
    let statement = match which {
        Revocation::Session(session) => Statement::new(revoking_by!("id")).bind::<Text, _>(session.to_string()),
        Revocation::User(user) => Statement::new(revoking_by!("user_id")).bind::<Text, _>(user.as_str()),
    };
    let rows: Vec<RevokedRow> = statement.bind::<BigInt, _>(now.as_millis()).load(connection).await?;
    rows.into_iter().map(RevokedRow::into_revoked).collect()
}

/// Ends a game. Takes several statements.
pub(super) async fn delete_game(
    connection: &mut AsyncPgConnection,
    game: &GameId,
    epoch: Epoch,
) -> QueryResult<Outcome> {
    let this_life = game::table
        .filter(game::id.eq(game.as_str()))
        .filter(game::epoch.eq(epoch.to_string()))
        .select(game::id)
        .for_update();
    let found: Vec<String> = this_life.load(connection).await?;
    if found.is_empty() {
        return Ok(Outcome::Stale);
    }
    remove_games(connection, &found).await?;
    Ok(Outcome::Done)
}

/// Takes the turn to clean until the transaction ends, if no other node has it.
async fn takes_turn(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    diesel::select(diesel::dsl::sql::<Bool>("pg_try_advisory_xact_lock(").bind::<BigInt, _>(CLEANING).sql(")"))
        .get_result(connection)
        .await
}

/// Removes a bounded number of seats, games and receipts; nothing where another node is at it.
pub(super) async fn clean_up_chunk(
    connection: &mut AsyncPgConnection,
    keep: Retention,
    now: Timestamp,
) -> QueryResult<Chunk> {
    let mut chunk = Chunk::default();
    if takes_turn(connection).await? {
        let untouched_since = now.minus(keep.untouched_for);
        remove_absent_seats(connection, now.minus(keep.absent_after), now, &mut chunk).await?;
        remove_untouched_games(connection, untouched_since, &mut chunk).await?;
        remove_old_receipts(connection, untouched_since, &mut chunk).await?;
    }
    Ok(chunk)
}

async fn remove_absent_seats(
    connection: &mut AsyncPgConnection,
    absent_since: Timestamp,
    now: Timestamp,
    chunk: &mut Chunk,
) -> QueryResult<()> {
    let absent =
        game_session::expires_at.le(now.as_millis()).and(game_session::last_heartbeat_at.le(absent_since.as_millis()));
    let found: Vec<(String, String)> = game_session::table
        .filter(absent)
        .select((game_session::id, game_session::game_id))
        .limit(SEATS_A_CHUNK.into())
        .load(connection)
        .await?;
    chunk.full |= found.len() == SEATS_A_CHUNK as usize;
    let (seats, games): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    lock_games(connection, &games.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    // Whoever gave a sign of life meanwhile stays.
    let gone: Vec<(String, i64)> =
        diesel::delete(game_session::table.filter(game_session::id.eq_any(seats)).filter(absent))
            .returning((game_session::game_id, game_session::last_heartbeat_at))
            .get_results(connection)
            .await?;
    for (game_id, _) in &gone {
        chunk.cleaned.unseated.push(GameId::parse(game_id).map_err(unreadable)?);
    }
    chunk.cleaned.sessions += gone.len() as u64;
    let (games, last_seen): (Vec<_>, Vec<_>) = gone.into_iter().unzip();
    unseat(connection, games, last_seen).await
}

/// Counts seats that are gone as changes of their games. A seat's sign of life keeps its game, also after the seat is
/// gone.
async fn unseat(connection: &mut AsyncPgConnection, games: Vec<String>, last_seen: Vec<i64>) -> QueryResult<()> {
    Statement::new(
        "update game set seats_version = game.seats_version + gone.seats,
             updated_at = greatest(game.updated_at, gone.last_seen)
         from (
             select game_id, count(*) as seats, max(last_seen) as last_seen
             from unnest(?, ?) as gone (game_id, last_seen) group by game_id
         ) gone
         where game.id = any(array[gone.game_id])",
    )
    .bind::<Array<Text>, _>(games)
    .bind::<Array<BigInt>, _>(last_seen)
    .execute(connection)
    .await?;
    Ok(())
}

async fn remove_untouched_games(
    connection: &mut AsyncPgConnection,
    untouched_since: Timestamp,
    chunk: &mut Chunk,
) -> QueryResult<()> {
    let since = untouched_since.as_millis();
    let found: Vec<Found> = Statement::new(
        "select game.id from game
         where created_at <= ? and updated_at <= ? and not exists (
             select from game_session seat where seat.game_id = any(array[game.id]) and seat.last_heartbeat_at > ?
         )
         order by created_at limit ?",
    )
    .bind::<BigInt, _>(since)
    .bind::<BigInt, _>(since)
    .bind::<BigInt, _>(since)
    .bind::<BigInt, _>(i64::from(GAMES_A_CHUNK))
    .load(connection)
    .await?;
    let found = column(&found, |found| &*found.id);
    chunk.full |= found.len() == GAMES_A_CHUNK as usize;
    let locked: Vec<String> = game::table
        .filter(game::id.eq_any(&found))
        .filter(game::updated_at.le(since))
        .order(game::id)
        .select(game::id)
        .for_update()
        .load(connection)
        .await?;
    // Signs of life do not ask for a game's lock: its seats are locked too before they are believed.
    let seats: Vec<(String, i64)> = game_session::table
        .filter(game_session::game_id.eq_any(&locked))
        .order(game_session::id)
        .select((game_session::game_id, game_session::last_heartbeat_at))
        .for_update()
        .load(connection)
        .await?;
    let alive = |game: &String| seats.iter().any(|(of, last_seen)| of == game && *last_seen > since);
    let gone: Vec<String> = locked.into_iter().filter(|game| !alive(game)).collect();
    let removed = remove_games(connection, &gone).await?;
    chunk.cleaned.sessions += removed.sessions;
    chunk.cleaned.events += removed.events;
    for game in &gone {
        chunk.cleaned.games.push(GameId::parse(game).map_err(unreadable)?);
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    id: String,
}

async fn remove_old_receipts(
    connection: &mut AsyncPgConnection,
    older_than: Timestamp,
    chunk: &mut Chunk,
) -> QueryResult<()> {
    let removed = Statement::new(
        "delete from game_receipt where ctid = any(array(
             select ctid from game_receipt where created_at <= ? order by created_at limit ?
         ))",
    )
    .bind::<BigInt, _>(older_than.as_millis())
    .bind::<BigInt, _>(i64::from(RECEIPTS_A_CHUNK))
    .execute(connection)
    .await?;
    chunk.full |= removed == RECEIPTS_A_CHUNK as usize;
    Ok(())
}

/// What went with games.
struct Removed {
    sessions: u64,
    events: u64,
}

/// Removes games, whose rows are locked, with all that belongs to them.
async fn remove_games(connection: &mut AsyncPgConnection, games: &[String]) -> QueryResult<Removed> {
    let seats = game_session::table.filter(game_session::game_id.eq_any(games));
    let events = game_event::table.filter(game_event::game_id.eq_any(games));
    let receipts = game_receipt::table.filter(game_receipt::game_id.eq_any(games));
    let sessions = diesel::delete(seats).execute(connection).await?;
    let events = diesel::delete(events).execute(connection).await?;
    diesel::delete(receipts).execute(connection).await?;
    diesel::delete(game::table.filter(game::id.eq_any(games))).execute(connection).await?;
    Ok(Removed { sessions: sessions as u64, events: events as u64 })
}
