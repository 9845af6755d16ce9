//! Batches of writes: each write whole or not at all, all of them in one transaction.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};

use super::{
    Statement,
    append::{append, repeats},
    functions::larger,
    removal::remove_game,
    writer::in_transaction,
};
use crate::{
    domain::{Epoch, Game, GameId, Seat, Sequence, Summary, Timestamp},
    store::{
        ClockChange, Floor, GameChange, Outcome, SeatMark, Served, StoreError, Write,
        sql::{
            clock::{control_to_text, reading_to_text},
            failure::{Failure, is_contradiction},
            rows::{GameRow, SeatRow, from_number, payload_to_text, players_to_text},
            schema::{game, game_session},
        },
    },
};

/// Commits a batch, in its order.
pub(super) fn commit(connection: &mut SqliteConnection, batch: &[Write]) -> Result<Vec<Outcome>, StoreError> {
    let together = in_transaction(connection, |connection| {
        batch.iter().map(|write| apply(connection, write)).collect::<QueryResult<_>>()
    });
    match together {
        Err(Failure::Before(error)) if is_contradiction(&error) => {
            let apart = in_transaction(connection, |connection| {
                batch.iter().map(|write| apply_apart(connection, write)).collect::<QueryResult<_>>()
            });
            Ok(apart?)
        }
        result => Ok(result?),
    }
}

/// Does a write that may contradict what is stored, without harm to its neighbours. Such a write is a mistake of this
/// program or a damaged file; its game is not what it was taken for.
fn apply_apart(connection: &mut SqliteConnection, write: &Write) -> QueryResult<Outcome> {
    match connection.transaction(|connection| apply(connection, write)) {
        Err(error) if is_contradiction(&error) => {
            tracing::error!(context = "SqliteStore", %error, "A write contradicts what is stored");
            Ok(Outcome::Stale)
        }
        result => result,
    }
}

fn apply(connection: &mut SqliteConnection, write: &Write) -> QueryResult<Outcome> {
    let written = match write {
        Write::Append(events) => return append(connection, events),
        Write::CreateGame(game) => create_game(connection, game)?,
        Write::ChangeGame(change) => change_game(connection, change)?,
        Write::PutClock(change) => put_clock(connection, change)?,
        Write::Recall { game_id, events } => {
            let repeats = repeats(connection, game_id, events)?;
            return Ok(if repeats.is_empty() { Outcome::Done } else { Outcome::Repeated(repeats) });
        }
        Write::PutSummary { game_id, epoch, summary, at } => put_summary(connection, game_id, *epoch, summary, *at)?,
        Write::TakeSeat { game_id, epoch, expected_seats_version, known_floor, seat } => {
            take_seat(connection, game_id, *epoch, *expected_seats_version, *known_floor, seat)?
        }
        Write::DeleteGame { game_id, epoch } => delete_game(connection, game_id, *epoch)?,
        Write::Marks { seats, floors, clocks } => {
            seats.iter().try_for_each(|mark| mark_seat(connection, mark))?;
            floors.iter().try_for_each(|floor| raise_floor(connection, floor))?;
            clocks.iter().try_for_each(|served| vouch(connection, served))?;
            true
        }
    };
    Ok(if written { Outcome::Done } else { Outcome::Stale })
}

fn create_game(connection: &mut SqliteConnection, game: &Game) -> QueryResult<bool> {
    let row = GameRow::of(game)?;
    let made = diesel::insert_into(game::table).values(row).on_conflict(game::id).do_nothing().execute(connection)?;
    Ok(made == 1)
}

fn change_game(connection: &mut SqliteConnection, change: &GameChange) -> QueryResult<bool> {
    let clock = change.clock.as_deref();
    let changed = diesel::update(game::table)
        .filter(game::id.eq(change.game_id.as_str()))
        .filter(game::epoch.eq(change.epoch.to_string()))
        .filter(game::seats_version.eq(from_number(change.expected_seats_version)))
        .filter(game::clock_version.eq(from_number(change.expected_clock)))
        .set((
            game::seats_version.eq(game::seats_version + 1),
            game::players.eq(players_to_text(&change.players)?),
            game::open.eq(change.open),
            game::metadata.eq(change.metadata.as_ref().map(payload_to_text)),
            game::updated_at.eq(larger(game::updated_at, change.at.as_millis())),
            clock
                .map(|clock| control_to_text(clock.control()))
                .transpose()?
                .map(|text| game::time_control.eq(Some(text))),
            clock.map(|clock| reading_to_text(clock.reading())).transpose()?.map(|text| game::clock.eq(Some(text))),
            clock.map(|clock| game::clock_version.eq(from_number(clock.version()))),
        ))
        .execute(connection)?;
    Ok(changed == 1)
}

fn put_clock(connection: &mut SqliteConnection, change: &ClockChange) -> QueryResult<bool> {
    let put = diesel::update(game::table)
        .filter(game::id.eq(change.game_id.as_str()))
        .filter(game::epoch.eq(change.epoch.to_string()))
        .filter(game::clock_version.eq(from_number(change.expected_clock)))
        .set((
            game::clock.eq(reading_to_text(change.clock.reading())?),
            game::clock_version.eq(from_number(change.clock.version())),
            game::updated_at.eq(larger(game::updated_at, change.at.as_millis())),
        ))
        .execute(connection)?;
    Ok(put == 1)
}

fn put_summary(
    connection: &mut SqliteConnection,
    game: &GameId,
    epoch: Epoch,
    summary: &Summary,
    at: Timestamp,
) -> QueryResult<bool> {
    let put = diesel::update(game::table)
        .filter(game::id.eq(game.as_str()))
        .filter(game::epoch.eq(epoch.to_string()))
        .set((
            game::summary_sequence.eq(from_number(summary.sequence.number())),
            game::summary.eq(summary.state.as_str()),
            game::updated_at.eq(larger(game::updated_at, at.as_millis())),
        ))
        .execute(connection)?;
    Ok(put == 1)
}

fn take_seat(
    connection: &mut SqliteConnection,
    game: &GameId,
    epoch: Epoch,
    expected_seats_version: u64,
    known_floor: Sequence,
    seat: &Seat,
) -> QueryResult<bool> {
    let expected = diesel::update(game::table)
        .filter(game::id.eq(game.as_str()))
        .filter(game::epoch.eq(epoch.to_string()))
        .filter(game::seats_version.eq(from_number(expected_seats_version)))
        .filter(game::floor.le(from_number(known_floor.number())))
        .set(game::seats_version.eq(game::seats_version + 1))
        .execute(connection)?;
    if expected == 1 {
        diesel::replace_into(game_session::table).values(SeatRow::of(game, seat)).execute(connection)?;
    }
    Ok(expected == 1)
}

fn delete_game(connection: &mut SqliteConnection, game: &GameId, epoch: Epoch) -> QueryResult<bool> {
    let this_life = game::table.filter(game::id.eq(game.as_str())).filter(game::epoch.eq(epoch.to_string()));
    let exists = diesel::select(diesel::dsl::exists(this_life)).get_result(connection)?;
    if exists {
        remove_game(connection, game.as_str())?;
    }
    Ok(exists)
}

/// Moves a seat's marks forward. A session that was revoked or replaced has none.
fn mark_seat(connection: &mut SqliteConnection, mark: &SeatMark) -> QueryResult<()> {
    Statement::new(
        "update game_session
         set last_ack_sequence = max(last_ack_sequence, ?), proven_generation = max(proven_generation, ?),
             issued_generation = max(issued_generation, ?), issued_at = max(issued_at, ?),
             last_heartbeat_at = max(last_heartbeat_at, ?), expires_at = max(expires_at, ?)
         where id = ? and revoked_at is null",
    )
    .bind::<BigInt, _>(from_number(mark.last_ack.number()))
    .bind::<BigInt, _>(i64::from(mark.proven.number()))
    .bind::<BigInt, _>(i64::from(mark.issued.number()))
    .bind::<BigInt, _>(mark.issued_at.as_millis())
    .bind::<BigInt, _>(mark.last_seen_at.as_millis())
    .bind::<BigInt, _>(mark.expires_at.as_millis())
    .bind::<Text, _>(mark.session_id.to_string())
    .execute(connection)?;
    Ok(())
}

/// Notes until when clocks were served, unless they were changed since.
fn vouch(connection: &mut SqliteConnection, served: &Served) -> QueryResult<()> {
    diesel::update(game::table)
        .filter(game::id.eq(served.game_id.as_str()))
        .filter(game::epoch.eq(served.epoch.to_string()))
        .filter(game::clock_version.eq(from_number(served.clock_version)))
        .set(game::clock_served_until.eq(larger(game::clock_served_until, served.until.as_millis())))
        .execute(connection)?;
    Ok(())
}

/// Removes the events that a floor, if it still holds, lets go of. Those with a ref leave a receipt.
fn raise_floor(connection: &mut SqliteConnection, floor: &Floor) -> QueryResult<()> {
    let game_id = floor.game_id.as_str();
    let number = from_number(floor.floor.number());
    let raised = Statement::new(
        "update game set floor = ? where id = ? and epoch = ? and seats_version = ? and floor < ? and head >= ?",
    )
    .bind::<BigInt, _>(number)
    .bind::<Text, _>(game_id)
    .bind::<Text, _>(floor.epoch.to_string())
    .bind::<BigInt, _>(from_number(floor.seats_version))
    .bind::<BigInt, _>(number)
    .bind::<BigInt, _>(number)
    .execute(connection)?;
    if raised == 0 {
        return Ok(());
    }
    Statement::new(
        "insert into game_receipt (game_id, user_id, ref, sequence, type, created_at)
         select game_id, user_id, ref, sequence, type, created_at from game_event
         where game_id = ? and sequence <= ? and ref is not null",
    )
    .bind::<Text, _>(game_id)
    .bind::<BigInt, _>(number)
    .execute(connection)?;
    Statement::new("delete from game_event where game_id = ? and sequence <= ?")
        .bind::<Text, _>(game_id)
        .bind::<BigInt, _>(number)
        .execute(connection)?;
    Ok(())
}
