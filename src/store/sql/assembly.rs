//! Putting games and pages together from their rows. A log that lacks events is never replayed.

use std::sync::Arc;

use diesel::QueryResult;

use super::rows::{EventRow, GameRow, SeatRow, unreadable};
use crate::domain::{Event, Game, ReplayTail, Sequence};

/// Where a tail of at most `tail` events starts.
pub(in crate::store) fn tail_start(row: &GameRow, tail: usize) -> QueryResult<Sequence> {
    Ok(row.floor()?.max(Sequence::new(row.head()?.number().saturating_sub(tail as u64))))
}

/// Puts a game together from its row, its seats, and its newest events in their order.
pub(in crate::store) fn game(
    row: GameRow,
    seats: Vec<SeatRow>,
    events: Vec<EventRow>,
    tail: usize,
) -> QueryResult<Game> {
    let start = tail_start(&row, tail)?;
    let events = whole(&row.id, start, row.head()?, tail, events)?;
    let mut replay = ReplayTail::new(start, tail);
    for event in events {
        replay.append(Arc::new(event));
    }
    row.into_game(replay, seats.into_iter().map(SeatRow::into_seat).collect::<QueryResult<_>>()?)
}

/// Reads the first `limit` events after `start` and up to `head`, or as many as there should be.
pub(in crate::store) fn whole(
    game: &str,
    start: Sequence,
    head: Sequence,
    limit: usize,
    rows: Vec<EventRow>,
) -> QueryResult<Vec<Event>> {
    let mut events = Vec::with_capacity(rows.len());
    let mut last = start;
    for row in rows {
        let event = row.into_event()?;
        if event.sequence != last.next() {
            return Err(hole(game, last, event.sequence));
        }
        last = event.sequence;
        events.push(event);
    }
    if events.len() as u64 != head.count_after(start).min(limit as u64) {
        return Err(hole(game, last, head));
    }
    Ok(events)
}

fn hole(game: &str, after: Sequence, before: Sequence) -> diesel::result::Error {
    tracing::error!(context = "Store", gameId = game, sequence = %after, "Events are missing from the log");
    unreadable(format!("events of game `{game}` are missing between {after} and {before}"))
}
