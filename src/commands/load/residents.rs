//! Games that nobody plays: they lie in the server's memory while others are played, and may not slow those down.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::{LoadError, crowd::CALLS_AT_ONCE, player::reason, tally::Count, venue::Venue};
use crate::commands::exposition::Exposition;

/// How many there are.
pub struct Residents(u32);

impl Residents {
    /// Makes them, which takes each into memory.
    ///
    /// # Errors
    /// `Game`: one cannot be made.
    pub async fn make(venue: &Venue, games: u32) -> Result<Self, LoadError> {
        let make = async |number| {
            let id = name(venue, number);
            let users = [format!("{id}-p0"), format!("{id}-p1")];
            venue.backend.put_game(&id, &json!({ "players": users })).await?;
            venue.tally().count(Count::Resident);
            Ok(())
        };
        let made = stream::iter(0..games).map(Ok).try_for_each_concurrent(CALLS_AT_ONCE, make);
        made.await.map_err(LoadError::Game)?;
        Ok(Self(games))
    }

    /// Sees that the server has them in memory, beside those that are played: that they exist is not enough.
    pub async fn must_be_there(&self, venue: &Venue, played: u32) {
        let awaited = f64::from(self.0 + played);
        let metrics = venue.backend.get("/metrics").await.unwrap_or_default();
        let there = Exposition::parse(&metrics).sum("cache_entries_total", &[]).unwrap_or_default();
        if self.0 > 0 && there < awaited {
            let what = format_args!("{there} of {awaited} games are in memory, which MEMORY_BUDGET_BYTES bounds");
            venue.tally().fault("resident", what);
        }
    }

    /// Ends them, unless they are to be kept.
    pub async fn leave(self, venue: &Venue) {
        if venue.keep {
            return;
        }
        let end = async |number| {
            if let Err(error) = venue.backend.end_game(&name(venue, number)).await {
                venue.tally().refused(&format!("ending a game: {}", reason(&error)));
            }
        };
        stream::iter(0..self.0).for_each_concurrent(CALLS_AT_ONCE, end).await;
    }
}

fn name(venue: &Venue, number: u32) -> String {
    format!("{}-r{number}", venue.prefix)
}
