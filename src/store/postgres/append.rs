//! Appending events: the write that everybody waits for.

use std::sync::Arc;

use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Integer, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::Statement;
use crate::{
    domain::{Event, EventRef, Timestamp},
    store::{
        Append, Outcome,
        sql::{
            clock::reading_to_text,
            rows::{OriginalRow, check_order, from_number, unreadable, user_to_text},
        },
    },
};

/// Does all of a batch, for many games at once: a game that stands where its events expect it moves, and they with it.
/// Any other game loses its own part only. That a game has moved tells that nobody has written to it since this
/// statement began to look, so what it saw of repeats is still so.
///
/// `(… in (select …)) is true` keeps the planner from making a join of it, which would be a loop in a loop: like this,
/// it is a look-up in a hash.
const APPEND: &str = "
with event as materialized (
    select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?)
        as event (place, number, game_id, sequence, type, user_id, ref, payload, created_at)
), original as materialized (
    select event.place, event.number, kept.*
    from event cross join lateral (
        select live.sequence, live.type, live.payload, live.created_at
        from game_event live
        where live.game_id = event.game_id and live.user_id = event.user_id and live.ref = event.ref
        union all
        select receipt.sequence, receipt.type, null, receipt.created_at
        from game_receipt receipt
        where receipt.game_id = event.game_id and receipt.user_id = event.user_id and receipt.ref = event.ref
    ) kept
    where event.ref is not null
), expected as materialized (
    select * from unnest(?, ?, ?, ?, ?, ?, ?, ?, ?)
        as expected (place, game_id, epoch, head, new_head, newest, clock_version, clock, new_clock_version)
), moved as (
    update game set head = expected.new_head, updated_at = greatest(game.updated_at, expected.newest),
        clock = coalesce(expected.clock, game.clock), clock_version = expected.new_clock_version
    from expected
    where game.id = any(array[expected.game_id]) and game.epoch = expected.epoch and game.head = expected.head
        and game.clock_version = expected.clock_version
        and (expected.place in (select place from original)) is not true
    returning expected.place
), written as (
    insert into game_event (game_id, sequence, type, user_id, ref, payload, created_at)
    select game_id, sequence, type, user_id, ref, payload, created_at
    from event
    where (event.place in (select place from moved)) is true
)
select place, null::int as number, null::bigint as sequence, null as type, null as payload, null::bigint as created_at
from moved
union all
select place, number, sequence, type, payload, created_at
from original
where (place in (
    select expected.place
    from expected join game
        on game.id = any(array[expected.game_id]) and game.epoch = expected.epoch and game.head = expected.head
            and game.clock_version = expected.clock_version
)) is true";

/// The same for one event of one game, where all is as expected; else it does nothing, or fails. It leaves it to the
/// events' unique index to find a repeat among them: to look there first, Postgres would lock every partition. The index
/// knows of what was committed meanwhile, the look at receipts does not: an original must not have gone from the one to
/// the other, so the floor is still where it was.
const APPEND_ONE: &str = "
with moved as (
    update game set head = ?, updated_at = greatest(updated_at, ?), clock = coalesce(?, clock), clock_version = ?
    where id = ? and epoch = ? and head = ? and clock_version = ?
        and floor = (select seen.floor from game seen where seen.id = ?)
        and not exists (select from game_receipt where game_id = ? and user_id = ? and ref = ?)
    returning id
)
insert into game_event (game_id, sequence, type, user_id, ref, payload, created_at)
select id, ?, ?, ?, ?, ?, ? from moved";

/// Appends events to games, each of them once, and notes what came of it.
pub(super) async fn append(
    connection: &mut AsyncPgConnection,
    appends: &[(usize, &Append)],
    outcomes: &mut [Outcome],
) -> QueryResult<()> {
    for (_, append) in appends {
        check_order(append)?;
    }
    let answers: Vec<Answer> = statement(appends)?.load(connection).await?;
    let mut repeats: Vec<Vec<(usize, Arc<Event>)>> = vec![Vec::new(); appends.len()];
    for answer in answers {
        let index = usize::try_from(answer.place).map_err(unreadable)?;
        let (place, append) = appends.get(index).ok_or_else(|| unreadable("a place in no batch"))?;
        match answer.original()? {
            None => outcomes[*place] = Outcome::Done,
            Some((number, original)) => {
                let repeat = append.events.get(number).ok_or_else(|| unreadable("a number in no append"))?;
                repeats[index].push((number, Arc::new(original.into_original(repeat)?)));
            }
        }
    }
    for ((place, _), mut repeats) in appends.iter().zip(repeats) {
        if !repeats.is_empty() {
            repeats.sort_unstable_by_key(|(number, _)| *number);
            outcomes[*place] = Outcome::Repeated(repeats);
        }
    }
    Ok(())
}

/// Appends the only event of an append. False, or a contradiction, where something is not as expected: `append` finds
/// out what.
pub(super) async fn append_one(
    connection: &mut AsyncPgConnection,
    append: &Append,
    event: &Event,
) -> QueryResult<bool> {
    check_order(append)?;
    let (game_id, user_id) = (append.game_id.as_str(), user_to_text(event.user_id.as_ref()));
    let (reference, created_at) = (event.client_ref.as_ref().map(EventRef::as_str), event.created_at.as_millis());
    let written = Statement::new(APPEND_ONE)
        .bind::<BigInt, _>(new_head(append))
        .bind::<BigInt, _>(created_at)
        .bind::<Nullable<Text>, _>(reading(append)?)
        .bind::<BigInt, _>(new_clock_version(append))
        .bind::<Text, _>(game_id)
        .bind::<Text, _>(append.epoch.to_string())
        .bind::<BigInt, _>(from_number(append.expected_head.number()))
        .bind::<BigInt, _>(from_number(append.expected_clock))
        .bind::<Text, _>(game_id)
        .bind::<Text, _>(game_id)
        .bind::<Text, _>(user_id)
        .bind::<Nullable<Text>, _>(reference)
        .bind::<BigInt, _>(from_number(event.sequence.number()))
        .bind::<Text, _>(event.event_type.as_str())
        .bind::<Text, _>(user_id)
        .bind::<Nullable<Text>, _>(reference)
        .bind::<Text, _>(event.payload.as_str())
        .bind::<BigInt, _>(created_at)
        .execute(connection)
        .await?;
    Ok(written == 1)
}

fn statement<'a>(appends: &[(usize, &'a Append)]) -> QueryResult<Statement<'a>> {
    let events = || {
        appends.iter().zip(0_i32..).flat_map(|((_, append), place)| {
            append.events.iter().zip(0_i32..).map(move |(event, number)| (place, number, *append, &**event))
        })
    };
    let games = || appends.iter().map(|(_, append)| *append);
    let readings = games().map(reading).collect::<QueryResult<Vec<_>>>()?;
    Ok(Statement::new(APPEND)
        .bind::<Array<Integer>, _>(events().map(|(place, ..)| place).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(events().map(|(_, number, ..)| number).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(events().map(|(_, _, append, _)| append.game_id.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(events().map(|(.., event)| from_number(event.sequence.number())).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(events().map(|(.., event)| event.event_type.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(events().map(|(.., event)| user_to_text(event.user_id.as_ref())).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(
            events().map(|(.., event)| event.client_ref.as_ref().map(EventRef::as_str)).collect::<Vec<_>>(),
        )
        .bind::<Array<Text>, _>(events().map(|(.., event)| event.payload.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(events().map(|(.., event)| event.created_at.as_millis()).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>((0_i32..).take(appends.len()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(games().map(|append| append.game_id.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(games().map(|append| append.epoch.to_string()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(games().map(|append| from_number(append.expected_head.number())).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(games().map(new_head).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(games().map(newest).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(games().map(|append| from_number(append.expected_clock)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(readings)
        .bind::<Array<BigInt>, _>(games().map(new_clock_version).collect::<Vec<_>>()))
}

fn reading(append: &Append) -> QueryResult<Option<String>> {
    append.clock.as_ref().map(|clock| reading_to_text(clock.reading())).transpose()
}

fn new_head(append: &Append) -> i64 {
    from_number(append.events.last().map_or(append.expected_head, |event| event.sequence).number())
}

fn new_clock_version(append: &Append) -> i64 {
    from_number(append.clock.as_ref().map_or(append.expected_clock, |clock| clock.version()))
}

fn newest(append: &Append) -> i64 {
    append.events.iter().map(|event| event.created_at).max().map_or(i64::MIN, Timestamp::as_millis)
}

/// A game that has moved, or the original of a repeat.
#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Integer)]
    place: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    number: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    sequence: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    r#type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    payload: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    created_at: Option<i64>,
}

impl Answer {
    /// The number of a repeat in its append, and its original.
    fn original(self) -> QueryResult<Option<(usize, OriginalRow)>> {
        match (self.number, self.sequence, self.r#type, self.created_at) {
            (Some(number), Some(sequence), Some(event_type), Some(created_at)) => {
                let original = OriginalRow { sequence, event_type, payload: self.payload, created_at };
                Ok(Some((usize::try_from(number).map_err(unreadable)?, original)))
            }
            _ => Ok(None),
        }
    }
}
