//! Reading games and their logs. Each read sees one moment.

use std::collections::HashMap;

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::Statement;
use crate::{
    domain::{Epoch, Game, GameId, Sequence, SessionId, Timestamp},
    store::{
        EventPage, PageLimit, Revoked, Stand,
        sql::{
            assembly,
            page::{FITTING, Fitting},
            rows::{EventRow, GameRow, RevokedRow, SeatRow, StandRow, from_number, to_sequence, unreadable},
            schema::{game, game_event, game_session},
        },
    },
};

/// Loads games, all of them by three queries.
pub(super) async fn games(
    connection: &mut AsyncPgConnection,
    ids: &[GameId],
    tail: usize,
) -> QueryResult<Vec<Option<Game>>> {
    let texts: Vec<&str> = ids.iter().map(GameId::as_str).collect();
    let rows: Vec<GameRow> =
        game::table.filter(game::id.eq_any(&texts)).select(GameRow::as_select()).load(connection).await?;
    let mut seats = seats(connection, &texts).await?;
    let mut events = newest_events(connection, &texts, tail).await?;
    let mut games = HashMap::with_capacity(rows.len());
    for row in rows {
        let (seats, events) = (seats.remove(&row.id), events.remove(&row.id));
        let id = row.id.clone();
        games.insert(id, assembly::game(row, seats.unwrap_or_default(), events.unwrap_or_default(), tail)?);
    }
    Ok(ids.iter().map(|id| games.get(id.as_str()).cloned()).collect())
}

async fn seats(connection: &mut AsyncPgConnection, games: &[&str]) -> QueryResult<HashMap<String, Vec<SeatRow>>> {
    let rows: Vec<SeatRow> = game_session::table
        .filter(game_session::game_id.eq_any(games))
        .select(SeatRow::as_select())
        .load(connection)
        .await?;
    let mut of_games: HashMap<String, Vec<SeatRow>> = HashMap::new();
    for row in rows {
        of_games.entry(row.game_id.clone()).or_default().push(row);
    }
    Ok(of_games)
}

async fn newest_events(
    connection: &mut AsyncPgConnection,
    games: &[&str],
    tail: usize,
) -> QueryResult<HashMap<String, Vec<EventRow>>> {
    let rows: Vec<LoggedRow> = Statement::new(
        "select event.game_id, event.sequence, event.type as event_type, event.user_id, event.ref as client_ref,
             event.payload, event.created_at
         from unnest(?) as asked (id) join game on game.id = any(array[asked.id])
         cross join lateral (
             select * from game_event
             where game_event.game_id = any(array[game.id]) and game_event.sequence > greatest(game.floor, game.head - ?)
                 and game_event.sequence <= game.head
         ) event",
    )
    .bind::<Array<Text>, _>(distinct(games))
    .bind::<BigInt, _>(i64::try_from(tail).unwrap_or(i64::MAX))
    .load(connection)
    .await?;
    let mut of_games: HashMap<String, Vec<EventRow>> = HashMap::new();
    for LoggedRow { game_id, event } in rows {
        of_games.entry(game_id).or_default().push(event);
    }
    // Here and not there: to have the rows in this order, the planner may read a whole index.
    of_games.values_mut().for_each(|events| events.sort_unstable_by_key(|event| event.sequence));
    Ok(of_games)
}

fn distinct<'g>(games: &[&'g str]) -> Vec<&'g str> {
    let mut games = games.to_vec();
    games.sort_unstable();
    games.dedup();
    games
}

#[derive(QueryableByName)]
struct LoggedRow {
    #[diesel(sql_type = Text)]
    game_id: String,
    #[diesel(embed)]
    event: EventRow,
}

/// Reads a page of a game's log. What lies between its two queries does no harm: events never change, and a floor that
/// rises meanwhile only shortens the page.
pub(super) async fn events_after(
    connection: &mut AsyncPgConnection,
    id: &GameId,
    after: Sequence,
    limit: PageLimit,
) -> QueryResult<Option<EventPage>> {
    let fitting: Fitting = Statement::new(FITTING)
        .bind::<Text, _>(id.as_str())
        .bind::<BigInt, _>(from_number(after.number()))
        .bind::<BigInt, _>(i64::try_from(limit.events).unwrap_or(i64::MAX))
        .bind::<BigInt, _>(i64::try_from(limit.bytes).unwrap_or(i64::MAX))
        .get_result(connection)
        .await?;
    let limit = fitting.events(limit);
    let rows: Vec<PageRow> = game::table
        .left_join(
            game_event::table.on(game_event::game_id
                .eq(game::id)
                .and(game_event::sequence.gt(game::floor))
                .and(game_event::sequence.gt(from_number(after.number())))),
        )
        .filter(game::id.eq(id.as_str()))
        .order(game_event::sequence)
        // A game without such events has one row too.
        .limit(i64::try_from(limit.max(1)).unwrap_or(i64::MAX))
        .select((game::epoch, game::head, game::floor, Option::<EventRow>::as_select()))
        .load(connection)
        .await?;
    let Some((epoch, head, floor, _)) = rows.as_slice().first() else { return Ok(None) };
    let epoch = Epoch::parse(epoch).ok_or_else(|| unreadable("an epoch"))?;
    let (head, floor) = (to_sequence(*head)?, to_sequence(*floor)?);
    let events = rows.into_iter().filter_map(|(.., event)| event).take(limit).collect();
    let events = assembly::whole(id.as_str(), after.max(floor), head, limit, events)?;
    Ok(Some(EventPage { epoch, head, floor, events }))
}

type PageRow = (String, i64, i64, Option<EventRow>);

/// Says where games stand.
pub(super) async fn stands(connection: &mut AsyncPgConnection, ids: &[GameId]) -> QueryResult<Vec<Option<Stand>>> {
    let texts: Vec<&str> = ids.iter().map(GameId::as_str).collect();
    let rows: Vec<(String, StandRow)> =
        game::table.filter(game::id.eq_any(&texts)).select((game::id, StandRow::as_select())).load(connection).await?;
    let mut stands = HashMap::with_capacity(rows.len());
    for (id, row) in rows {
        stands.insert(id, row.into_stand()?);
    }
    Ok(ids.iter().map(|id| stands.get(id.as_str()).cloned()).collect())
}

/// Lists the sessions that were revoked lately.
pub(super) async fn revoked_since(connection: &mut AsyncPgConnection, at: Timestamp) -> QueryResult<Vec<Revoked>> {
    let rows: Vec<RevokedRow> = game_session::table
        .filter(game_session::revoked_at.ge(at.as_millis()))
        .select(RevokedRow::as_select())
        .load(connection)
        .await?;
    rows.into_iter().map(RevokedRow::into_revoked).collect()
}

/// Finds a session's game.
pub(super) async fn game_of_session(
    connection: &mut AsyncPgConnection,
    session: SessionId,
) -> QueryResult<Option<GameId>> {
    let found: Option<String> = game_session::table
        .find(session.to_string())
        .select(game_session::game_id)
        .get_result(connection)
        .await
        .optional()?;
    found.map(|id| GameId::parse(&id).map_err(unreadable)).transpose()
}
