//! How many of a log's next events fit into a page.

use diesel::{QueryableByName, sql_types::BigInt};

use crate::store::PageLimit;

/// Counts the events of a game (1st value) after a sequence (2nd), at most so many (3rd), before whose payloads there are
/// fewer than so many bytes (4th). Reads no more than those events.
pub(in crate::store) const FITTING: &str = "
    select count(*) as events from (
        select sum(octet_length(payload)) over (order by sequence) - octet_length(payload) as bytes_before from (
            select sequence, payload from game_event where game_id = ? and sequence > ? order by sequence limit ?
        ) as next_events
    ) as sized where bytes_before < ?";

/// What [`FITTING`] answers.
#[derive(QueryableByName)]
pub(in crate::store) struct Fitting {
    #[diesel(sql_type = BigInt)]
    events: i64,
}

impl Fitting {
    /// How many events to read: one at least, unless none was asked for.
    pub(in crate::store) fn events(&self, limit: PageLimit) -> usize {
        usize::try_from(self.events).unwrap_or(0).max(1).min(limit.events)
    }
}
