//! Appending events: the write that everybody waits for.
//!
//! Most of what a batch costs is the pages it leaves behind, not its statements: with prepared ones, a row at a time is
//! as fast as many rows in one.

use std::sync::Arc;

use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};

use super::Statement;
use crate::{
    domain::{Event, EventRef, GameId, Timestamp},
    store::{
        Append, Outcome,
        sql::{
            clock::reading_to_text,
            rows::{OriginalRow, check_order, from_number, user_to_text},
            schema::{game, game_event, game_receipt},
        },
    },
};

/// Appends events to a game that stands where they expect it.
pub(super) fn append(connection: &mut SqliteConnection, append: &Append) -> QueryResult<Outcome> {
    check_order(append)?;
    // Repeats are looked for before anything is written. Nobody else writes meanwhile.
    let repeats = repeats(connection, &append.game_id, &append.events)?;
    if !repeats.is_empty() {
        return Ok(if stands(connection, append)? { Outcome::Repeated(repeats) } else { Outcome::Stale });
    }
    if !advance(connection, append)? {
        return Ok(Outcome::Stale);
    }
    for event in &append.events {
        insert(connection, &append.game_id, event)?;
    }
    Ok(Outcome::Done)
}

/// Moves the head, and the clocks with it, if both are where the events expect them.
fn advance(connection: &mut SqliteConnection, append: &Append) -> QueryResult<bool> {
    let head = append.events.last().map_or(append.expected_head, |event| event.sequence);
    let newest = append.events.iter().map(|event| event.created_at).max().map_or(i64::MIN, Timestamp::as_millis);
    let reading = append.clock.as_ref().map(|clock| reading_to_text(clock.reading())).transpose()?;
    let version = append.clock.as_ref().map(|clock| from_number(clock.version()));
    let moved = Statement::new(
        "update game
         set head = ?, updated_at = max(updated_at, ?), clock = coalesce(?, clock), clock_version = coalesce(?, clock_version)
         where id = ? and epoch = ? and head = ? and clock_version = ?",
    )
    .bind::<BigInt, _>(from_number(head.number()))
    .bind::<BigInt, _>(newest)
    .bind::<Nullable<Text>, _>(reading)
    .bind::<Nullable<BigInt>, _>(version)
    .bind::<Text, _>(append.game_id.as_str())
    .bind::<Text, _>(append.epoch.to_string())
    .bind::<BigInt, _>(from_number(append.expected_head.number()))
    .bind::<BigInt, _>(from_number(append.expected_clock))
    .execute(connection)?;
    Ok(moved == 1)
}

fn stands(connection: &mut SqliteConnection, append: &Append) -> QueryResult<bool> {
    let as_expected = game::table
        .filter(game::id.eq(append.game_id.as_str()))
        .filter(game::epoch.eq(append.epoch.to_string()))
        .filter(game::head.eq(from_number(append.expected_head.number())))
        .filter(game::clock_version.eq(from_number(append.expected_clock)));
    diesel::select(diesel::dsl::exists(as_expected)).get_result(connection)
}

fn insert(connection: &mut SqliteConnection, game: &GameId, event: &Event) -> QueryResult<()> {
    Statement::new(
        "insert into game_event (game_id, sequence, type, user_id, ref, payload, created_at) values (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind::<Text, _>(game.as_str())
    .bind::<BigInt, _>(from_number(event.sequence.number()))
    .bind::<Text, _>(event.event_type.as_str())
    .bind::<Text, _>(user_to_text(event.user_id.as_ref()))
    .bind::<Nullable<Text>, _>(event.client_ref.as_ref().map(EventRef::as_str))
    .bind::<Text, _>(event.payload.as_str())
    .bind::<BigInt, _>(event.created_at.as_millis())
    .execute(connection)?;
    Ok(())
}

/// The events that were recorded before, by their place among these.
pub(super) fn repeats(
    connection: &mut SqliteConnection,
    game: &GameId,
    events: &[Arc<Event>],
) -> QueryResult<Vec<(usize, Arc<Event>)>> {
    let mut repeats = Vec::new();
    for (place, event) in events.iter().enumerate() {
        if let Some(original) = original(connection, game, event)? {
            repeats.push((place, Arc::new(original)));
        }
    }
    Ok(repeats)
}

/// Finds the event that this one repeats, in the log or among what is left of it.
fn original(connection: &mut SqliteConnection, game: &GameId, repeat: &Event) -> QueryResult<Option<Event>> {
    let Some(client_ref) = &repeat.client_ref else { return Ok(None) };
    let user = user_to_text(repeat.user_id.as_ref());
    let live = game_event::table
        .filter(game_event::game_id.eq(game.as_str()))
        .filter(game_event::user_id.eq(user))
        .filter(game_event::client_ref.eq(client_ref.as_str()))
        .select((game_event::sequence, game_event::event_type, game_event::payload.nullable(), game_event::created_at));
    let pruned = game_receipt::table
        .filter(game_receipt::game_id.eq(game.as_str()))
        .filter(game_receipt::user_id.eq(user))
        .filter(game_receipt::client_ref.eq(client_ref.as_str()))
        .select((
            game_receipt::sequence,
            game_receipt::event_type,
            None::<String>.into_sql::<Nullable<Text>>(),
            game_receipt::created_at,
        ));
    let found = live.union_all(pruned).get_result::<OriginalRow>(connection).optional()?;
    found.map(|row| row.into_original(repeat)).transpose()
}
