//! The scenario `away`: seats in games that nobody is connected to, each game with a tail of events in memory.
//!
//! They are taken and the events recorded over HTTP, so that nothing of a connection is in what they take.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json, value::RawValue};

use super::{
    LoadError, Outcome, crowd::CALLS_AT_ONCE, glance::payload, options::AwayOptions, player::reason, tally::Count,
    venue::Venue, window::Window,
};

/// Takes the seats, and lets them be.
///
/// # Errors
/// `Game`: a game, a seat in it or its tail cannot be made.
pub async fn away(venue: &Venue, options: &AwayOptions) -> Result<Outcome, LoadError> {
    let games = options.seats.div_ceil(options.players);
    // What a server takes once, however many games there are, is none of a seat's.
    let first = games.min(WARM_UP);
    set_up(venue, options, 0..first).await?;
    let window = Window::open(venue).await;
    set_up(venue, options, first..first + games).await?;
    tokio::time::sleep(options.lasting).await;
    let measured = window.close(venue).await;
    if !venue.keep {
        let end = async |number| {
            if let Err(error) = venue.backend.end_game(&game_id(venue, number)).await {
                venue.tally().refused(&format!("ending a game: {}", reason(&error)));
            }
        };
        stream::iter(0..first + games).for_each_concurrent(CALLS_AT_ONCE, end).await;
    }
    Ok(Outcome { measured, heads: None, asked_rate: None })
}

async fn set_up(venue: &Venue, options: &AwayOptions, games: std::ops::Range<u32>) -> Result<(), LoadError> {
    let set_up = async |number| {
        let game_id = game_id(venue, number);
        let users: Vec<String> = (0..options.players).map(|place| format!("{game_id}-p{place}")).collect();
        venue.backend.put_game(&game_id, &json!({ "players": users })).await?;
        for user in &users {
            venue.backend.post(&format!("/v1/games/{game_id}/sessions"), &json!({ "userId": user })).await?;
            venue.tally().count(Count::Opened);
        }
        if options.events > 0 {
            let events = (0..options.events).map(|number| event(&users, number as usize, options.payload as usize));
            let path = format!("/v1/games/{game_id}/events");
            venue.backend.post(&path, &Value::Array(events.collect())).await?;
            venue.tally().add(Count::Confirmed, options.events.into());
        }
        Ok(())
    };
    stream::iter(games).map(Ok).try_for_each_concurrent(CALLS_AT_ONCE, set_up).await.map_err(LoadError::Game)
}

fn game_id(venue: &Venue, number: u32) -> String {
    format!("{}-a{number}", venue.prefix)
}

fn event(users: &[String], number: usize, bytes: usize) -> Value {
    let payload = RawValue::from_string(payload(0, bytes)).expect("it is JSON");
    json!({ "type": "move", "payload": payload, "userId": users[number % users.len()], "ref": format!("m{number}") })
}

/// Games that are there before anything is measured.
const WARM_UP: u32 = 500;
