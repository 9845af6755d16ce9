//! What ends: sessions that are revoked, and what nobody needs any more.

use diesel::prelude::*;

use super::{functions::larger, writer::in_transaction};
use crate::{
    domain::{GameId, Timestamp},
    store::{
        Retention, Revocation, Revoked, StoreError,
        sql::{
            clean_up::Chunk,
            rows::{RevokedRow, unreadable},
            schema::{game, game_event, game_receipt, game_session},
        },
    },
};

/// One chunk keeps play waiting for some 10 ms.
const SEATS_A_CHUNK: u32 = 256;
const GAMES_A_CHUNK: u32 = 128;
const EVENTS_A_CHUNK: u64 = 4096;
const RECEIPTS_A_CHUNK: u32 = 4096;

/// Revokes sessions that were not revoked before.
pub(super) fn revoke(
    connection: &mut SqliteConnection,
    which: &Revocation,
    now: Timestamp,
) -> Result<Vec<Revoked>, StoreError> {
    let revoked = in_transaction(connection, |connection| {
        let live = game_session::table.filter(game_session::revoked_at.is_null());
        let revoke = game_session::revoked_at.eq(now.as_millis());
        let columns = RevokedRow::as_select();
        let rows: Vec<RevokedRow> = match which {
            Revocation::Session(session) => {
                let these = live.filter(game_session::id.eq(session.to_string()));
                diesel::update(these).set(revoke).returning(columns).get_results(connection)?
            }
            Revocation::User(user) => {
                let these = live.filter(game_session::user_id.eq(user.as_str()));
                diesel::update(these).set(revoke).returning(columns).get_results(connection)?
            }
        };
        for row in &rows {
            seats_changed(connection, row.game_id())?;
        }
        rows.into_iter().map(RevokedRow::into_revoked).collect()
    });
    Ok(revoked?)
}

fn seats_changed(connection: &mut SqliteConnection, game_id: &str) -> QueryResult<()> {
    diesel::update(game::table.find(game_id))
        .set(game::seats_version.eq(game::seats_version + 1))
        .execute(connection)?;
    Ok(())
}

/// Removes a bounded number of seats, games and receipts.
pub(super) fn clean_up_chunk(
    connection: &mut SqliteConnection,
    keep: Retention,
    now: Timestamp,
) -> Result<Chunk, StoreError> {
    let chunk = in_transaction(connection, |connection| {
        let mut chunk = Chunk::default();
        remove_absent_seats(connection, now.minus(keep.absent_after), now, &mut chunk)?;
        remove_untouched_games(connection, now.minus(keep.untouched_for), &mut chunk)?;
        remove_old_receipts(connection, now.minus(keep.untouched_for), &mut chunk)?;
        Ok(chunk)
    });
    Ok(chunk?)
}

fn remove_absent_seats(
    connection: &mut SqliteConnection,
    absent_since: Timestamp,
    now: Timestamp,
    chunk: &mut Chunk,
) -> QueryResult<()> {
    let absent: Vec<(String, String, i64)> = game_session::table
        .filter(game_session::expires_at.le(now.as_millis()))
        .filter(game_session::last_heartbeat_at.le(absent_since.as_millis()))
        .select((game_session::id, game_session::game_id, game_session::last_heartbeat_at))
        .limit(SEATS_A_CHUNK.into())
        .load(connection)?;
    for (session_id, game_id, last_heartbeat_at) in &absent {
        diesel::delete(game_session::table.find(session_id)).execute(connection)?;
        seats_changed(connection, game_id)?;
        chunk.cleaned.unseated.push(GameId::parse(game_id).map_err(unreadable)?);
        // A seat's sign of life keeps its game, also after the seat is gone.
        diesel::update(game::table.find(game_id))
            .set(game::updated_at.eq(larger(game::updated_at, *last_heartbeat_at)))
            .execute(connection)?;
    }
    chunk.cleaned.sessions += absent.len() as u64;
    chunk.full |= absent.len() == SEATS_A_CHUNK as usize;
    Ok(())
}

fn remove_untouched_games(
    connection: &mut SqliteConnection,
    untouched_since: Timestamp,
    chunk: &mut Chunk,
) -> QueryResult<()> {
    let since = untouched_since.as_millis();
    let kept_by_a_seat = game_session::table
        .filter(game_session::game_id.eq(game::id))
        .filter(game_session::last_heartbeat_at.gt(since));
    let untouched: Vec<String> = game::table
        .filter(game::updated_at.le(since))
        .filter(diesel::dsl::not(diesel::dsl::exists(kept_by_a_seat)))
        .select(game::id)
        .limit(GAMES_A_CHUNK.into())
        .load(connection)?;
    chunk.full |= untouched.len() == GAMES_A_CHUNK as usize;
    for game_id in &untouched {
        if chunk.cleaned.events >= EVENTS_A_CHUNK {
            chunk.full = true;
            break;
        }
        let removed = remove_game(connection, game_id)?;
        chunk.cleaned.sessions += removed.sessions;
        chunk.cleaned.events += removed.events;
        chunk.cleaned.games.push(GameId::parse(game_id).map_err(unreadable)?);
    }
    Ok(())
}

fn remove_old_receipts(connection: &mut SqliteConnection, older_than: Timestamp, chunk: &mut Chunk) -> QueryResult<()> {
    let old = game_receipt::table.filter(game_receipt::created_at.le(older_than.as_millis()));
    let last_of_a_chunk: Option<i64> = old
        .order(game_receipt::created_at)
        .select(game_receipt::created_at)
        .offset(RECEIPTS_A_CHUNK.into())
        .limit(1)
        .get_result(connection)
        .optional()?;
    let up_to = last_of_a_chunk.unwrap_or(older_than.as_millis());
    diesel::delete(game_receipt::table.filter(game_receipt::created_at.le(up_to))).execute(connection)?;
    chunk.full |= last_of_a_chunk.is_some();
    Ok(())
}

/// What went with a game.
pub(super) struct Removed {
    sessions: u64,
    events: u64,
}

/// Removes a game with all that belongs to it.
pub(super) fn remove_game(connection: &mut SqliteConnection, game_id: &str) -> QueryResult<Removed> {
    let sessions = diesel::delete(game_session::table.filter(game_session::game_id.eq(game_id))).execute(connection)?;
    let events = diesel::delete(game_event::table.filter(game_event::game_id.eq(game_id))).execute(connection)?;
    diesel::delete(game_receipt::table.filter(game_receipt::game_id.eq(game_id))).execute(connection)?;
    diesel::delete(game::table.find(game_id)).execute(connection)?;
    Ok(Removed { sessions: sessions as u64, events: events as u64 })
}
