//! What the nodes of one database need to know of each other.
//!
//! Owns how this node hears of changes that others made: by messages over Redis, at once; and by looking at the durable
//! store every so often, because a message may be lost. What a change means for a game is said in `elsewhere`.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{Shards, messages::Notice};
use crate::{
    clock::Clock,
    domain::SessionId,
    store::{Change, Store},
};

/// How often the games with connections are compared: how late an event of another node is at most.
const COMPARE_EVERY: Duration = Duration::from_secs(3);
/// Games of one comparison.
const COMPARED: usize = 256;
/// How long the shards may take to say which games have connections.
const SHARDS_ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// How often revocations are asked for. A session is to be refused everywhere within a second.
const REVOCATIONS_EVERY: Duration = Duration::from_millis(400);
/// How far back revocations are asked for: by how much the clocks of nodes may differ, and a commit may take.
const REVOKED_WITHIN: Duration = Duration::from_secs(30);

/// Where a shard tells other nodes of what they cannot see in the durable store.
#[derive(Clone)]
pub struct Bus {
    has_neighbours: bool,
    /// By way of its cache, they are told at once.
    store: Option<Store>,
}

impl Bus {
    /// To the nodes that share a store.
    #[must_use]
    pub fn between_nodes_of(store: Store) -> Self {
        Self { has_neighbours: store.is_shared(), store: Some(store).filter(Store::is_shared) }
    }

    /// To nobody: there is no other node.
    #[must_use]
    pub fn of_a_lone_node() -> Self {
        Self { has_neighbours: false, store: None }
    }

    /// To nodes that have to find out by themselves.
    #[cfg(test)]
    pub fn of_a_silent_node() -> Self {
        Self { has_neighbours: true, store: None }
    }

    /// Whether there may be other nodes.
    #[must_use]
    pub fn has_neighbours(&self) -> bool {
        self.has_neighbours
    }

    /// Tells the others. May be lost.
    pub fn tell(&self, change: Change) {
        if let Some(cache) = self.store.as_ref().and_then(Store::cache) {
            cache.tell(change);
        }
    }
}

/// Hears of other nodes until the task is ended.
pub async fn hear(shards: Arc<Shards>, store: Store, clock: Clock) {
    let messages = async {
        match store.cache() {
            Some(cache) => pass_on(&shards, cache.changes()).await,
            None => std::future::pending().await,
        }
    };
    tokio::join!(messages, compare(&shards, &store), ask_for_revocations(&shards, &store, &clock));
}

async fn pass_on(shards: &Shards, mut changes: mpsc::Receiver<Change>) {
    while let Some(change) = changes.recv().await {
        shards.tell(&change.game_id().clone(), Notice::Elsewhere(change));
    }
}

/// Compares the games that have connections with the durable store.
async fn compare(shards: &Shards, store: &Store) {
    let mut turns = interval(COMPARE_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        for games in shards.live_games(SHARDS_ANSWER_WITHIN).await.chunks(COMPARED) {
            // Without an answer nothing is known, and the next comparison comes soon.
            let Ok(stands) = store.stands(games.to_vec()).await else { break };
            shards.tell_stands(games.iter().cloned().zip(stands));
        }
    }
}

/// Asks for sessions that were revoked, wherever that was.
async fn ask_for_revocations(shards: &Shards, store: &Store, clock: &Clock) {
    let mut turns = interval(REVOCATIONS_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told: HashSet<SessionId> = HashSet::new();
    let mut since = clock.now();
    loop {
        turns.tick().await;
        let asked_at = clock.now();
        let Ok(revoked) = store.revoked_since(since.minus(REVOKED_WITHIN)).await else { continue };
        // After an outage, as far back as it lasted.
        since = asked_at;
        let listed: HashSet<SessionId> = revoked.iter().map(|revoked| revoked.session_id).collect();
        for revoked in revoked.into_iter().filter(|revoked| !told.contains(&revoked.session_id)) {
            shards.tell(&revoked.game_id.clone(), Notice::Revoked(revoked));
        }
        told = listed;
    }
}
