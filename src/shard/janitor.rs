//! Cleans up after sessions and games that nobody needs any more, every so often.

use std::{sync::Arc, time::Duration};

use super::Shards;
use crate::{
    clock::Clock,
    store::{Cleaned, Retention},
};

/// Cleans up until the task is ended.
pub async fn run(shards: Arc<Shards>, clock: Clock, keep: Retention, every: Duration) {
    let mut timer = tokio::time::interval(every);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        timer.tick().await;
        // The store removes so much at a time that play is not held up.
        loop {
            match shards.clean_up(keep, clock.now()).await {
                Ok(cleaned) if cleaned == Cleaned::default() => break,
                Ok(cleaned) => tracing::info!(
                    context = "GameSessionRegistryScheduler",
                    sessions = cleaned.sessions,
                    games = cleaned.games.len(),
                    events = cleaned.events,
                    "Cleaned up"
                ),
                Err(error) => {
                    tracing::warn!(context = "GameSessionRegistryScheduler", error = %error, "Clean-up failed");
                    break;
                }
            }
        }
    }
}
