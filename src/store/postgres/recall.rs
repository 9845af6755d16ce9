//! Finding events that are repeated, without writing anything.

use std::sync::Arc;

use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::Statement;
use crate::{
    domain::{Event, GameId},
    store::{
        Outcome,
        sql::rows::{OriginalRow, user_to_text},
    },
};

/// Looks for the originals of events that may be repeats, one by one: few ask, and with few events.
pub(super) async fn recall(
    connection: &mut AsyncPgConnection,
    game: &GameId,
    events: &[Arc<Event>],
) -> QueryResult<Outcome> {
    let mut repeats = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let Some(client_ref) = &event.client_ref else { continue };
        let found: Vec<Kept> = Statement::new(
            "with asked (game_id, user_id, ref) as (values (?, ?, ?))
             select live.sequence, live.type as event_type, live.payload, live.created_at
             from asked join game_event live
                 on live.game_id = any(array[asked.game_id]) and live.user_id = asked.user_id and live.ref = asked.ref
             union all
             select receipt.sequence, receipt.type, null, receipt.created_at
             from asked join game_receipt receipt
                 on receipt.game_id = any(array[asked.game_id]) and receipt.user_id = asked.user_id
                 and receipt.ref = asked.ref",
        )
        .bind::<Text, _>(game.as_str())
        .bind::<Text, _>(user_to_text(event.user_id.as_ref()))
        .bind::<Text, _>(client_ref.as_str())
        .load(connection)
        .await?;
        if let Some(Kept { sequence, event_type, payload, created_at }) = found.into_iter().next() {
            let original = OriginalRow { sequence, event_type, payload, created_at };
            repeats.push((place, Arc::new(original.into_original(event)?)));
        }
    }
    Ok(if repeats.is_empty() { Outcome::Done } else { Outcome::Repeated(repeats) })
}

/// An event, or the receipt that is left of one.
#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Nullable<Text>)]
    payload: Option<String>,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
}
