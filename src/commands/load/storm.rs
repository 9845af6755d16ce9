//! The scenario `storm`: everybody is lost at once, misses a tail of events, and comes back, at once or at a rate.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json, value::RawValue};
use tokio::time::{Instant, sleep};

use super::{
    LoadError, Outcome,
    crowd::{CALLS_AT_ONCE, Crowd, has_seen, user_id},
    glance::payload,
    options::{Cold, StormOptions},
    tally::Count,
    terms::{Game, Pace, Phase, Style},
    venue::Venue,
    window::{Measured, Window},
};
use crate::commands::exposition::Exposition;

/// Storms, one after the other.
///
/// # Errors
/// As [`Crowd::gather`]; `Tail`: the events to be missed cannot be recorded; `Cold`: nothing can be forgotten; `NotOurs`: a
/// server that this run did not start is not killed.
pub async fn storm(venue: &mut Venue, options: &StormOptions) -> Result<Outcome, LoadError> {
    let style = Style {
        pace: Pace::Silent,
        payload_bytes: options.payload as usize,
        // The last event of a replay is acknowledged, and no other.
        ack_every: u64::MAX,
        moves: u64::MAX,
        drops: None,
    };
    let games = options.connections.div_ceil(options.players);
    let crowd = Crowd::gather(venue, "s", (games, options.players), options.connections, style).await?;
    // Seats that nobody takes see nothing.
    if let (Some(last), taken) = (crowd.games.last(), options.connections % options.players)
        && taken > 0
    {
        last.seen.iter().skip(taken as usize).for_each(|seen| seen.store(u64::MAX, Ordering::Relaxed));
    }
    let apart = options.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
    let within = options.within + apart * options.connections;
    let mut measured = Measured::default();
    for round in 0..options.rounds {
        crowd.tell(Phase::Away);
        gone(venue).await;
        record(venue, &crowd, options).await?;
        forget(venue, options.cold).await?;
        let returned = venue.tally().of(Count::Resumed) + u64::from(options.connections);
        let window = Window::open(venue).await;
        let from = Instant::now();
        crowd.tell(Phase::Back { from, apart });
        while venue.tally().of(Count::Resumed) < returned && from.elapsed() < within {
            sleep(LOOK_EVERY).await;
        }
        measured = measured.and(window.close(venue).await);
        let head = options.tail * u64::from(round + 1);
        crowd.until(venue, Duration::ZERO, |game| has_seen(game, head)).await;
        let missing = returned.saturating_sub(venue.tally().of(Count::Resumed));
        if missing > 0 {
            venue.tally().fault("storm", format_args!("{missing} players were not back within {within:?}"));
        }
    }
    let heads = crowd.judge(venue).await;
    crowd.leave(venue).await;
    Ok(Outcome { measured, heads: Some(heads), asked_rate: options.rate })
}

/// Waits until nobody is there any more, by our count and the server's.
async fn gone(venue: &Venue) {
    let give_up_at = Instant::now() + GONE_WITHIN;
    while Instant::now() < give_up_at {
        let metrics = venue.backend.get("/metrics").await.unwrap_or_default();
        let online = Exposition::parse(&metrics).sum("ws_connections", &[]);
        if venue.tally().online() == 0 && online == Some(0.0) {
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Records the tail that everybody misses, over HTTP.
async fn record(venue: &Venue, crowd: &Crowd, options: &StormOptions) -> Result<(), LoadError> {
    let record = async |game: &std::sync::Arc<Game>| {
        let head = game.confirmed.load(Ordering::Relaxed);
        let path = format!("/v1/games/{}/events", game.id);
        let mut next = head + 1;
        while next <= head + options.tail {
            let last = (next + MOST_AT_ONCE - 1).min(head + options.tail);
            let events: Vec<Value> = (next..=last).map(|sequence| event(venue, game, sequence, options)).collect();
            venue.backend.post(&path, &Value::Array(events)).await?;
            venue.tally().add(Count::Sent, last + 1 - next);
            venue.tally().add(Count::Confirmed, last + 1 - next);
            game.sent.store(last, Ordering::Relaxed);
            game.confirmed.store(last, Ordering::Relaxed);
            next = last + 1;
        }
        Ok(())
    };
    let recorded = stream::iter(&crowd.games).map(Ok).try_for_each_concurrent(CALLS_AT_ONCE, record);
    recorded.await.map_err(LoadError::Tail)
}

fn event(venue: &Venue, game: &Game, sequence: u64, options: &StormOptions) -> Value {
    let at = u64::try_from(venue.run.began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let payload = RawValue::from_string(payload(at, options.payload as usize)).expect("it is JSON");
    json!({ "type": "move", "payload": payload, "userId": user_id(game, 0), "ref": format!("m{sequence}") })
}

async fn forget(venue: &mut Venue, cold: Cold) -> Result<(), LoadError> {
    let flush = async |body: Value| {
        let flushed = venue.operator.post("/admin/cache/flush", &body).await;
        flushed.map(drop).map_err(LoadError::Cold)
    };
    match cold {
        Cold::None => Ok(()),
        Cold::Memory => {
            // A game that is just being written stays: it is asked for again until none is left. On a server that
            // others use too that may never be; where resumes were served from is in the report.
            for _ in 0..MOST_FLUSHES {
                flush(json!({})).await?;
                sleep(BETWEEN_FLUSHES).await;
                let metrics = venue.backend.get("/metrics").await.map_err(LoadError::Cold)?;
                if Exposition::parse(&metrics).sum("cache_entries_total", &[]) == Some(0.0) {
                    break;
                }
            }
            Ok(())
        }
        Cold::All => {
            flush(json!({ "redis": true })).await?;
            venue.crash().await
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(5);
const GONE_WITHIN: Duration = Duration::from_secs(30);
const MOST_FLUSHES: u32 = 20;
/// Longer than a server takes to say what is left.
const BETWEEN_FLUSHES: Duration = Duration::from_millis(100);
/// Events in one call.
const MOST_AT_ONCE: u64 = 256;
