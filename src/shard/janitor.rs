//! Cleans up after sessions and games that nobody needs any more, every so often.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::Shards;
use crate::{
    clock::Clock,
    store::{Cleaned, Retention},
};

/// What is cleaned up, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub keep: Retention,
    pub every: Duration,
}

/// Cleans up at once and then by the schedule, which may change, until nobody can change it any more.
pub async fn run(shards: Arc<Shards>, clock: Clock, mut schedule: watch::Receiver<Schedule>) {
    loop {
        let (began, keep) = (Instant::now(), schedule.borrow_and_update().keep);
        clean_up(&shards, &clock, keep).await;
        loop {
            let due = began + schedule.borrow_and_update().every;
            tokio::select! {
                () = sleep_until(due) => break,
                changed = schedule.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// The store removes so much at a time that play is not held up: until nothing is left.
async fn clean_up(shards: &Shards, clock: &Clock, keep: Retention) {
    loop {
        match shards.clean_up(keep, clock.now()).await {
            Ok(cleaned) if cleaned == Cleaned::default() => return,
            Ok(cleaned) => tracing::info!(
                context = "GameSessionRegistryScheduler",
                sessions = cleaned.sessions,
                games = cleaned.games.len(),
                events = cleaned.events,
                "Cleaned up"
            ),
            Err(error) => {
                tracing::warn!(context = "GameSessionRegistryScheduler", error = %error, "Clean-up failed");
                return;
            }
        }
    }
}
