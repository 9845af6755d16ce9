//! Many members of many games, brought together a few at a time.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    seat::{Seat, Trouble},
    venues::Venue,
};

/// Makes games and has everybody take a seat: one list of members a game, in the order of their places.
///
/// # Errors
/// Somebody does not get in, and why.
pub async fn gather(venue: &Venue, games: usize, members: usize) -> Result<Vec<Vec<Seat>>, String> {
    let run = uuid::Uuid::new_v4().simple().to_string();
    let names: Vec<String> = (0..games).map(|number| format!("{}-{number}", &run[..8])).collect();
    venue.make_games(&names, members).await?;
    let take = async |name: String| {
        let mut seats: Vec<Seat> = (0..members).map(|place| venue.seat(&name, place)).collect();
        for seat in &mut seats {
            seat.sit().await?;
        }
        Ok(seats)
    };
    let gathered = stream::iter(names).map(take).buffer_unordered(AT_ONCE).try_collect().await;
    gathered.map_err(|trouble: Trouble| format!("not everybody gets in: {trouble}; {}", venue.last_words()))
}

/// Games whose members come at the same time.
const AT_ONCE: usize = 32;
