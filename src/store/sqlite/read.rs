//! Reading games and their logs. Each read sees one moment.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};

use super::connection::unavailable;
use crate::{
    domain::{Game, GameId, Sequence, SessionId, Timestamp},
    store::{
        EventPage, PageLimit, Revoked, Stand, StoreError,
        sql::{
            assembly,
            page::{FITTING, Fitting},
            rows::{EventRow, GameRow, RevokedRow, SeatRow, StandRow, from_number},
            schema::{game, game_event, game_session},
        },
    },
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
    let events = events(connection, id, assembly::tail_start(&row, tail)?, tail)?;
    assembly::game(row, seats, events, tail).map(Some)
}

/// Reads a page of a game's log.
pub(super) fn events_after(
    connection: &mut SqliteConnection,
    id: &GameId,
    after: Sequence,
    limit: PageLimit,
) -> Result<Option<EventPage>, StoreError> {
    let page = connection.transaction(|connection| {
        let Some(row) = row(connection, id)? else { return Ok(None) };
        let (epoch, head, floor) = (row.epoch()?, row.head()?, row.floor()?);
        let start = after.max(floor);
        let fitting: Fitting = diesel::sql_query(FITTING)
            .bind::<Text, _>(id.as_str())
            .bind::<BigInt, _>(from_number(start.number()))
            .bind::<BigInt, _>(i64::try_from(limit.events).unwrap_or(i64::MAX))
            .bind::<BigInt, _>(i64::try_from(limit.bytes).unwrap_or(i64::MAX))
            .get_result(connection)?;
        let limit = fitting.events(limit);
        let events = assembly::whole(id.as_str(), start, head, limit, events(connection, id, start, limit)?)?;
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

/// Says where games stand.
pub(super) fn stands(connection: &mut SqliteConnection, games: &[GameId]) -> Result<Vec<Option<Stand>>, StoreError> {
    let stand = |id: &GameId| {
        let row: Option<StandRow> =
            game::table.find(id.as_str()).select(StandRow::as_select()).first(connection).optional()?;
        row.map(StandRow::into_stand).transpose()
    };
    games.iter().map(stand).collect::<QueryResult<_>>().map_err(unavailable)
}

/// Lists the sessions that were revoked lately.
pub(super) fn revoked_since(connection: &mut SqliteConnection, at: Timestamp) -> Result<Vec<Revoked>, StoreError> {
    let revoked =
        game_session::table.filter(game_session::revoked_at.ge(at.as_millis())).select(RevokedRow::as_select());
    let rows: QueryResult<Vec<RevokedRow>> = revoked.load(connection);
    rows.and_then(|rows| rows.into_iter().map(RevokedRow::into_revoked).collect()).map_err(unavailable)
}

fn row(connection: &mut SqliteConnection, id: &GameId) -> QueryResult<Option<GameRow>> {
    game::table.find(id.as_str()).select(GameRow::as_select()).get_result(connection).optional()
}

fn seats(connection: &mut SqliteConnection, id: &GameId) -> QueryResult<Vec<SeatRow>> {
    game_session::table.filter(game_session::game_id.eq(id.as_str())).select(SeatRow::as_select()).load(connection)
}

/// The first events after `start`.
fn events(connection: &mut SqliteConnection, id: &GameId, start: Sequence, limit: usize) -> QueryResult<Vec<EventRow>> {
    game_event::table
        .filter(game_event::game_id.eq(id.as_str()))
        .filter(game_event::sequence.gt(from_number(start.number())))
        .order(game_event::sequence)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(EventRow::as_select())
        .load(connection)
}
