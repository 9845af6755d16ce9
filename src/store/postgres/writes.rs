//! The writes beside events: games, what their backends set, and seats.

use std::collections::HashMap;

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{
    Statement,
    plan::{Seating, Summing},
};
use crate::{
    domain::{Game, GameClock},
    store::{
        ClockChange, GameChange, Outcome,
        sql::{
            clock::{control_to_text, reading_to_text},
            rows::{GameRow, SeatRow, from_number, payload_to_text, players_to_text, unreadable},
        },
    },
};

/// The place in the statement of a write that was done.
#[derive(QueryableByName)]
struct Done {
    #[diesel(sql_type = Integer)]
    place: i32,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    id: String,
}

pub(super) async fn create_games(
    connection: &mut AsyncPgConnection,
    creations: &[(usize, &Game)],
    outcomes: &mut [Outcome],
) -> QueryResult<()> {
    let rows = creations.iter().map(|(_, game)| GameRow::of(game)).collect::<QueryResult<Vec<_>>>()?;
    let places: HashMap<&str, usize> = creations.iter().map(|(place, game)| (game.id.as_str(), *place)).collect();
    let made: Vec<Id> = Statement::new(
        "insert into game (id, epoch, head, floor, seats_version, created_at, updated_at, open, summary_sequence,
             players, metadata, summary, time_control, clock, clock_version, clock_served_until)
         select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         on conflict (id) do nothing
         returning id",
    )
    .bind::<Array<Text>, _>(column(&rows, |row| &*row.id))
    .bind::<Array<Text>, _>(column(&rows, |row| &*row.epoch))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.head))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.floor))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.seats_version))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.created_at))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.updated_at))
    .bind::<Array<Nullable<Bool>>, _>(column(&rows, |row| row.open))
    .bind::<Array<Nullable<BigInt>>, _>(column(&rows, |row| row.summary_sequence))
    .bind::<Array<Text>, _>(column(&rows, |row| &*row.players))
    .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.metadata.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.summary.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.time_control.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.clock.as_deref()))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.clock_version))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.clock_served_until))
    .load(connection)
    .await?;
    for Id { id } in made {
        outcomes[*places.get(id.as_str()).ok_or_else(|| unreadable("a game that nobody made"))?] = Outcome::Done;
    }
    Ok(())
}

pub(super) async fn change_game(connection: &mut AsyncPgConnection, change: &GameChange) -> QueryResult<Outcome> {
    let clock = change.clock.as_deref();
    let new_clock_version = clock.map_or(change.expected_clock, GameClock::version);
    let changed = Statement::new(
        "with given (id, epoch, seats_version, players, open, metadata, at, clock_version, time_control, clock,
             new_clock_version) as (values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))
         update game set seats_version = game.seats_version + 1, players = given.players, open = given.open,
             metadata = given.metadata, updated_at = greatest(game.updated_at, given.at),
             time_control = coalesce(given.time_control, game.time_control), clock = coalesce(given.clock, game.clock),
             clock_version = given.new_clock_version
         from given
         where game.id = any(array[given.id]) and game.epoch = given.epoch and game.seats_version = given.seats_version
             and game.clock_version = given.clock_version",
    )
    .bind::<Text, _>(change.game_id.as_str())
    .bind::<Text, _>(change.epoch.to_string())
    .bind::<BigInt, _>(from_number(change.expected_seats_version))
    .bind::<Text, _>(players_to_text(&change.players)?)
    .bind::<Nullable<Bool>, _>(change.open)
    .bind::<Nullable<Text>, _>(change.metadata.as_ref().map(payload_to_text))
    .bind::<BigInt, _>(change.at.as_millis())
    .bind::<BigInt, _>(from_number(change.expected_clock))
    .bind::<Nullable<Text>, _>(clock.map(|clock| control_to_text(clock.control())).transpose()?)
    .bind::<Nullable<Text>, _>(clock.map(|clock| reading_to_text(clock.reading())).transpose()?)
    .bind::<BigInt, _>(from_number(new_clock_version))
    .execute(connection)
    .await?;
    Ok(if changed == 1 { Outcome::Done } else { Outcome::Stale })
}

pub(super) async fn put_clocks(
    connection: &mut AsyncPgConnection,
    changes: &[(usize, &ClockChange)],
    outcomes: &mut [Outcome],
) -> QueryResult<()> {
    let reading = |(_, change): &(usize, &ClockChange)| reading_to_text(change.clock.reading());
    let readings = changes.iter().map(reading).collect::<QueryResult<Vec<_>>>()?;
    let put: Vec<Done> = Statement::new(
        "update game set clock = given.clock, clock_version = given.new_clock_version,
             updated_at = greatest(game.updated_at, given.at)
         from unnest(?, ?, ?, ?, ?, ?, ?) as given (place, game_id, epoch, clock_version, clock, new_clock_version, at)
         where game.id = any(array[given.game_id]) and game.epoch = given.epoch
             and game.clock_version = given.clock_version
         returning given.place",
    )
    .bind::<Array<Integer>, _>(places(changes))
    .bind::<Array<Text>, _>(column(changes, |(_, change)| change.game_id.as_str()))
    .bind::<Array<Text>, _>(column(changes, |(_, change)| change.epoch.to_string()))
    .bind::<Array<BigInt>, _>(column(changes, |(_, change)| from_number(change.expected_clock)))
    .bind::<Array<Text>, _>(readings)
    .bind::<Array<BigInt>, _>(column(changes, |(_, change)| from_number(change.clock.version())))
    .bind::<Array<BigInt>, _>(column(changes, |(_, change)| change.at.as_millis()))
    .load(connection)
    .await?;
    note(&put, changes, |(place, _)| *place, outcomes)
}

pub(super) async fn put_summaries(
    connection: &mut AsyncPgConnection,
    summaries: &[Summing<'_>],
    outcomes: &mut [Outcome],
) -> QueryResult<()> {
    let put: Vec<Done> = Statement::new(
        "update game set summary_sequence = given.sequence, summary = given.state,
             updated_at = greatest(game.updated_at, given.at)
         from unnest(?, ?, ?, ?, ?, ?) as given (place, game_id, epoch, sequence, state, at)
         where game.id = any(array[given.game_id]) and game.epoch = given.epoch
         returning given.place",
    )
    .bind::<Array<Integer>, _>(places(summaries))
    .bind::<Array<Text>, _>(column(summaries, |summing| summing.game_id.as_str()))
    .bind::<Array<Text>, _>(column(summaries, |summing| summing.epoch.to_string()))
    .bind::<Array<BigInt>, _>(column(summaries, |summing| from_number(summing.summary.sequence.number())))
    .bind::<Array<Text>, _>(column(summaries, |summing| summing.summary.state.as_str()))
    .bind::<Array<BigInt>, _>(column(summaries, |summing| summing.at.as_millis()))
    .load(connection)
    .await?;
    note(&put, summaries, |summing| summing.place, outcomes)
}

pub(super) async fn take_seats(
    connection: &mut AsyncPgConnection,
    seatings: &[Seating<'_>],
    outcomes: &mut [Outcome],
) -> QueryResult<()> {
    let rows = column(seatings, |seating| SeatRow::of(seating.game_id, seating.seat));
    let taken: Vec<Done> = Statement::new(
        "with given as materialized (
             select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) as given (place, epoch, seats_version,
                 floor, id, game_id, user_id, last_ack_sequence, proven_generation, issued_generation,
                 last_heartbeat_at, issued_at, expires_at, revoked_at, metadata)
         ), taken as (
             update game set seats_version = game.seats_version + 1
             from given
             where game.id = any(array[given.game_id]) and game.epoch = given.epoch
                 and game.seats_version = given.seats_version and game.floor <= given.floor
             returning given.*
         ), seated as (
             insert into game_session (id, game_id, user_id, last_ack_sequence, proven_generation, issued_generation,
                 last_heartbeat_at, issued_at, expires_at, revoked_at, metadata)
             select id, game_id, user_id, last_ack_sequence, proven_generation, issued_generation, last_heartbeat_at,
                 issued_at, expires_at, revoked_at, metadata
             from taken
             on conflict (game_id, user_id) do update set id = excluded.id,
                 last_ack_sequence = excluded.last_ack_sequence, proven_generation = excluded.proven_generation,
                 issued_generation = excluded.issued_generation, last_heartbeat_at = excluded.last_heartbeat_at,
                 issued_at = excluded.issued_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
                 metadata = excluded.metadata
         )
         select place from taken",
    )
    .bind::<Array<Integer>, _>(places(seatings))
    .bind::<Array<Text>, _>(column(seatings, |seating| seating.epoch.to_string()))
    .bind::<Array<BigInt>, _>(column(seatings, |seating| from_number(seating.expected_seats_version)))
    .bind::<Array<BigInt>, _>(column(seatings, |seating| from_number(seating.known_floor.number())))
    .bind::<Array<Text>, _>(column(&rows, |row| &*row.id))
    .bind::<Array<Text>, _>(column(&rows, |row| &*row.game_id))
    .bind::<Array<Text>, _>(column(&rows, |row| &*row.user_id))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.last_ack_sequence))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.proven_generation))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.issued_generation))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.last_heartbeat_at))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.issued_at))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.expires_at))
    .bind::<Array<Nullable<BigInt>>, _>(column(&rows, |row| row.revoked_at))
    .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.metadata.as_deref()))
    .load(connection)
    .await?;
    note(&taken, seatings, |seating| seating.place, outcomes)
}

/// One value of every row.
pub(super) fn column<'r, R: 'r, V>(rows: impl IntoIterator<Item = &'r R>, value: impl FnMut(&'r R) -> V) -> Vec<V> {
    rows.into_iter().map(value).collect()
}

fn places<T>(writes: &[T]) -> Vec<i32> {
    (0..).take(writes.len()).collect()
}

fn note<T>(done: &[Done], writes: &[T], place: impl Fn(&T) -> usize, outcomes: &mut [Outcome]) -> QueryResult<()> {
    for Done { place: index } in done {
        let write = usize::try_from(*index).ok().and_then(|index| writes.get(index));
        outcomes[place(write.ok_or_else(|| unreadable("a place in no batch"))?)] = Outcome::Done;
    }
    Ok(())
}
