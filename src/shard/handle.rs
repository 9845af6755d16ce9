//! Where the rest of the service reaches the shards.
//!
//! The bound of a shard's mailbox lives here: actix bounds a mailbox by sender or not at all, so commands are counted in
//! and out, and one too many is refused before it is sent.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::Addr;
use tokio::{sync::oneshot, time::Instant};

use super::{
    Busy, ShardError,
    actor::{Enqueued, ShardActor, Told},
    messages::{Command, Deed, Notice, Reply, ShardStats},
    metrics::ShardMetrics,
};
use crate::{
    domain::{GameId, SessionId, Timestamp},
    store::{Retention, Revocation, Store, StoreError},
};

/// One shard, as its callers have it.
pub struct ShardHandle {
    addr: Addr<ShardActor>,
    depth: Arc<AtomicUsize>,
    capacity: usize,
    metrics: Arc<ShardMetrics>,
}

/// A place in a mailbox, given back when the command is taken out or dropped.
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ShardHandle {
    /// A handle of a mailbox that holds `capacity` commands.
    #[must_use]
    pub fn new(addr: Addr<ShardActor>, capacity: usize, metrics: Arc<ShardMetrics>) -> Self {
        Self { addr, depth: Arc::new(AtomicUsize::new(0)), capacity, metrics }
    }

    /// Commands in the mailbox.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Commands that the mailbox holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts a command into the mailbox.
    ///
    /// # Errors
    /// `Busy::Mailbox`, with the command: the mailbox is full.
    fn offer(&self, command: Command) -> Result<(), Command> {
        let place = Place(Arc::clone(&self.depth));
        if self.depth.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.metrics.refused(Busy::Mailbox);
            drop(place);
            return Err(command);
        }
        self.metrics.queue_depth.set(i64::try_from(self.depth()).unwrap_or(i64::MAX));
        self.send(Enqueued { command, place, at: Instant::now() });
        Ok(())
    }

    fn tell(&self, notice: Notice) {
        self.send(Told(notice));
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the bound has been checked")]
    fn send<M>(&self, message: M)
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
        ShardActor: actix::Handler<M>,
    {
        self.addr.do_send(message);
    }
}

/// All shards of this node.
pub struct Shards {
    shards: Box<[ShardHandle]>,
    store: Store,
}

impl Shards {
    /// Puts the shards of a node together.
    #[must_use]
    pub fn new(shards: Vec<ShardHandle>, store: Store) -> Self {
        Self { shards: shards.into_boxed_slice(), store }
    }

    /// Every shard, in order.
    #[must_use]
    pub fn all(&self) -> &[ShardHandle] {
        &self.shards
    }

    fn of(&self, game_id: &GameId) -> &ShardHandle {
        let mut hasher = DefaultHasher::new();
        game_id.hash(&mut hasher);
        let index = hasher.finish() % self.shards.len() as u64;
        &self.shards[usize::try_from(index).expect("there are fewer shards than that")]
    }

    /// Offers a command to the shard of its game.
    ///
    /// # Errors
    /// `Busy::Mailbox`, with the command: the mailbox is full.
    pub fn offer(&self, game_id: GameId, deed: Deed) -> Result<(), Command> {
        let shard = self.of(&game_id);
        shard.offer(Command { game_id, deed })
    }

    /// Tells the shard of a game something that is never refused.
    pub fn tell(&self, game_id: &GameId, notice: Notice) {
        self.of(game_id).tell(notice);
    }

    /// Tells every shard something; `notice` makes one for each.
    pub fn tell_all(&self, notice: impl Fn() -> Notice) {
        self.shards.iter().for_each(|shard| shard.tell(notice()));
    }

    /// Asks the shard of a game and waits for the answer, as long as the caller does.
    ///
    /// # Errors
    /// What the shard answers; `Busy` where its mailbox is full; `Internal` where it failed.
    pub async fn ask<T>(&self, game_id: GameId, deed: impl FnOnce(Reply<T>) -> Deed) -> Result<T, ShardError> {
        let (reply, answer) = oneshot::channel();
        self.offer(game_id, deed(reply)).map_err(|_| ShardError::Busy(Busy::Mailbox))?;
        answer.await.unwrap_or(Err(ShardError::Internal))
    }

    /// How each shard does; `None` for one that does not answer in time.
    pub async fn stats(&self, within: Duration) -> Vec<Option<ShardStats>> {
        let asked = self.shards.iter().map(|shard| {
            let (reply, answer) = oneshot::channel();
            shard.tell(Notice::Stats(reply));
            async { tokio::time::timeout(within, answer).await.ok()?.ok() }
        });
        futures_util::future::join_all(asked).await
    }

    /// Finds the game of a session.
    ///
    /// # Errors
    /// `NoSession`; `Unavailable` where the store does not say.
    pub async fn game_of(&self, session_id: SessionId) -> Result<GameId, ShardError> {
        self.store.game_of_session(session_id).await?.ok_or(ShardError::NoSession)
    }

    /// Revokes sessions, in the store first, then here at once. Returns how many were not revoked before.
    ///
    /// # Errors
    /// `Unavailable` and `Unknown`: ask again, it is safe to repeat.
    pub async fn revoke(&self, which: Revocation, now: Timestamp) -> Result<usize, ShardError> {
        let revoked = self.store.revoke(which, now).await?;
        let count = revoked.len();
        for revoked in revoked {
            let game_id = revoked.game_id.clone();
            self.tell(&game_id, Notice::Revoked(revoked));
        }
        Ok(count)
    }

    /// Removes what nobody needs any more.
    ///
    /// # Errors
    /// `Unavailable` and `Unknown`: ask again, it is safe to repeat.
    pub async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<crate::store::Cleaned, ShardError> {
        let cleaned = self.store.clean_up(keep, now).await?;
        for game_id in &cleaned.games {
            self.tell(game_id, Notice::Removed(game_id.clone()));
        }
        Ok(cleaned)
    }

    /// Checks that the durable store answers and has the expected schema.
    ///
    /// # Errors
    /// `Unavailable`, saying which of the two is not so.
    pub async fn check_store(&self) -> Result<(), StoreError> {
        self.store.check().await
    }
}
