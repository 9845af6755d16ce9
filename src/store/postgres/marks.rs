//! What moves forward quietly: marks of seats, and floors.

use std::collections::BTreeMap;

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{Statement, writes::column};
use crate::{
    domain::SessionId,
    store::{Floor, SeatMark, Served, sql::rows::from_number},
};

/// Moves seats' marks forward. A session that was revoked or replaced has none.
pub(super) async fn mark_seats(
    connection: &mut AsyncPgConnection,
    marks: &BTreeMap<SessionId, SeatMark>,
) -> QueryResult<()> {
    Statement::new(
        "update game_session seat set
             last_ack_sequence = greatest(seat.last_ack_sequence, mark.last_ack_sequence),
             proven_generation = greatest(seat.proven_generation, mark.proven_generation),
             issued_generation = greatest(seat.issued_generation, mark.issued_generation),
             issued_at = greatest(seat.issued_at, mark.issued_at),
             last_heartbeat_at = greatest(seat.last_heartbeat_at, mark.last_heartbeat_at),
             expires_at = greatest(seat.expires_at, mark.expires_at)
         from unnest(?, ?, ?, ?, ?, ?, ?) as mark (id, last_ack_sequence, proven_generation, issued_generation,
             issued_at, last_heartbeat_at, expires_at)
         where seat.id = any(array[mark.id]) and seat.revoked_at is null",
    )
    .bind::<Array<Text>, _>(column(marks.keys(), ToString::to_string))
    .bind::<Array<BigInt>, _>(column(marks.values(), |mark| from_number(mark.last_ack.number())))
    .bind::<Array<BigInt>, _>(column(marks.values(), |mark| i64::from(mark.proven.number())))
    .bind::<Array<BigInt>, _>(column(marks.values(), |mark| i64::from(mark.issued.number())))
    .bind::<Array<BigInt>, _>(column(marks.values(), |mark| mark.issued_at.as_millis()))
    .bind::<Array<BigInt>, _>(column(marks.values(), |mark| mark.last_seen_at.as_millis()))
    .bind::<Array<BigInt>, _>(column(marks.values(), |mark| mark.expires_at.as_millis()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes until when clocks were served, unless they were changed since.
pub(super) async fn vouch(connection: &mut AsyncPgConnection, served: &[&Served]) -> QueryResult<()> {
    Statement::new(
        "update game set clock_served_until = greatest(game.clock_served_until, given.until)
         from unnest(?, ?, ?, ?) as given (game_id, epoch, clock_version, until)
         where game.id = any(array[given.game_id]) and game.epoch = given.epoch
             and game.clock_version = given.clock_version",
    )
    .bind::<Array<Text>, _>(column(served, |served| served.game_id.as_str()))
    .bind::<Array<Text>, _>(column(served, |served| served.epoch.to_string()))
    .bind::<Array<BigInt>, _>(column(served, |served| from_number(served.clock_version)))
    .bind::<Array<BigInt>, _>(column(served, |served| served.until.as_millis()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes the events that floors, where they still hold, let go of. Those with a ref leave a receipt.
pub(super) async fn raise_floors(connection: &mut AsyncPgConnection, floors: &[&Floor]) -> QueryResult<()> {
    Statement::new(
        "with raised as (
             update game set floor = given.floor
             from unnest(?, ?, ?, ?) as given (game_id, epoch, seats_version, floor)
             where game.id = any(array[given.game_id]) and game.epoch = given.epoch
                 and game.seats_version = given.seats_version
                 and game.floor < given.floor and game.head >= given.floor
             returning game.id, game.floor
         ), pruned as (
             delete from game_event event
             using raised
             where event.game_id = any(array[raised.id]) and event.sequence <= raised.floor
             returning event.*
         )
         insert into game_receipt (game_id, user_id, ref, sequence, type, created_at)
         select game_id, user_id, ref, sequence, type, created_at from pruned where ref is not null",
    )
    .bind::<Array<Text>, _>(column(floors, |floor| floor.game_id.as_str()))
    .bind::<Array<Text>, _>(column(floors, |floor| floor.epoch.to_string()))
    .bind::<Array<BigInt>, _>(column(floors, |floor| from_number(floor.seats_version)))
    .bind::<Array<BigInt>, _>(column(floors, |floor| from_number(floor.floor.number())))
    .execute(connection)
    .await?;
    Ok(())
}
