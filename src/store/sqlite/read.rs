//! Reading games and their logs. Each read sees one moment.

use std::sync::Arc;

use diesel::prelude::*;

use super::{
    connection::unavailable,
    rows::{EventRow, GameRow, SeatRow, from_number, unreadable},
    schema::{game, game_event, game_session},
};
use crate::{
    domain::{Event, Game, GameId, ReplayTail, Seat, Sequence, SessionId},
    store::{EventPage, StoreError},
};

/// Loads games, by three prepared queries each: the database is in this process, so they cost no round trips.
pub(super) fn games(
    connection: &mut SqliteConnection,
    games: &[GameId],
    tail: usize,
) -> Result<Vec<Option<Game>>, StoreError> {
    let loaded = connection.transaction(|connection| games.iter().map(|id| one_game(connection, id, tail)).collect());
    loaded.map_err(|error: diesel::result::Error| unavailable(error))
}

fn one_game(connection: &mut SqliteConnection, id: &GameId, tail: usize) -> QueryResult<Option<Game>> {
    let Some(row) = row(connection, id)? else { return Ok(None) };
    let seats = seats(connection, id)?;
    let head = row.head()?;
    let start = row.floor()?.max(Sequence::new(head.number().saturating_sub(tail as u64)));
    let events = events(connection, id, start, tail)?;
    if events.len() as u64 != head.count_after(start) {
        return Err(hole(id, start, head));
    }
    let mut replay = ReplayTail::new(start, tail);
    for event in events {
        replay.append(Arc::new(event));
    }
    row.into_game(replay, seats).map(Some)
}

/// Reads a page of a game's log.
pub(super) fn events_after(
    connection: &mut SqliteConnection,
    id: &GameId,
    after: Sequence,
    limit: usize,
) -> Result<Option<EventPage>, StoreError> {
    let page = connection.transaction(|connection| {
        let Some(row) = row(connection, id)? else { return Ok(None) };
        let (epoch, head, floor) = (row.epoch()?, row.head()?, row.floor()?);
        let start = after.max(floor);
        let events = events(connection, id, start, limit)?;
        if events.len() as u64 != head.count_after(start).min(limit as u64) {
            return Err(hole(id, start, head));
        }
        Ok(Some(EventPage { epoch, head, floor, events }))
    });
    page.map_err(|error: diesel::result::Error| unavailable(error))
}

/// Finds a session's game.
pub(super) fn game_of_session(
    connection: &mut SqliteConnection,
    session: SessionId,
) -> Result<Option<GameId>, StoreError> {
    let found: QueryResult<Option<String>> =
        game_session::table.find(session.to_string()).select(game_session::game_id).get_result(connection).optional();
    found.map_err(unavailable)?.map(|id| GameId::parse(&id).map_err(unavailable)).transpose()
}

fn row(connection: &mut SqliteConnection, id: &GameId) -> QueryResult<Option<GameRow>> {
    game::table.find(id.as_str()).select(GameRow::as_select()).get_result(connection).optional()
}

fn seats(connection: &mut SqliteConnection, id: &GameId) -> QueryResult<Vec<Seat>> {
    let rows = game_session::table
        .filter(game_session::game_id.eq(id.as_str()))
        .select(SeatRow::as_select())
        .load(connection)?;
    rows.into_iter().map(SeatRow::into_seat).collect()
}

/// The first events after `start`, which are known to follow each other.
fn events(connection: &mut SqliteConnection, id: &GameId, start: Sequence, limit: usize) -> QueryResult<Vec<Event>> {
    let rows = game_event::table
        .filter(game_event::game_id.eq(id.as_str()))
        .filter(game_event::sequence.gt(from_number(start.number())))
        .order(game_event::sequence)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EventRow::as_select())
        .load(connection)?;
    let mut last = start;
    rows.into_iter()
        .map(|row| {
            let event = row.into_event()?;
            if event.sequence != last.next() {
                return Err(hole(id, last, event.sequence));
            }
            last = event.sequence;
            Ok(event)
        })
        .collect()
}

/// A log that lacks events must not be replayed.
fn hole(id: &GameId, after: Sequence, before: Sequence) -> diesel::result::Error {
    tracing::error!(context = "SqliteStore", gameId = %id, sequence = %after, "Events are missing from the log");
    unreadable(format!("events of game `{id}` are missing between {after} and {before}"))
}
