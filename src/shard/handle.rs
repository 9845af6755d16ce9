//! Where the rest of the service reaches the shards: which one has a game, and what all of them are asked.
//!
//! The bound of a shard's mailbox lives in `mailbox`; refusals are counted here.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use actix::ArbiterHandle;
use tokio::sync::oneshot;

use super::{
    Busy, ShardError,
    actor::ShardActor,
    core::Parts,
    inspecting::Inspection,
    mailbox::{Mailbox, mailbox},
    messages::{Command, Deed, Notice, Reply, ShardStats},
    metrics::ShardMetrics,
};
use crate::{
    domain::{GameId, SessionId, Timestamp},
    store::{BreakerView, Cache, CacheTotals, Cleaned, Retention, Revocation, Stand, Store, StoreError},
};

/// One shard, as its callers have it.
pub struct ShardHandle {
    mailbox: Mailbox,
    metrics: Arc<ShardMetrics>,
}

impl ShardHandle {
    /// Starts a shard on a thread of its own, with a mailbox that holds `capacity` commands.
    #[must_use]
    pub fn start(thread: &ArbiterHandle, parts: Parts, capacity: usize) -> Self {
        let (mailbox, inbox) = mailbox(capacity);
        let metrics = Arc::clone(&parts.metrics);
        ShardActor::spawn(thread, parts, inbox);
        Self { mailbox, metrics }
    }

    /// Commands in the mailbox.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.mailbox.depth()
    }

    /// Commands that the mailbox holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.mailbox.capacity()
    }

    /// Puts a command into the mailbox.
    ///
    /// # Errors
    /// `Busy::Mailbox`, with the command: the mailbox is full.
    fn offer(&self, command: Command) -> Result<(), Command> {
        self.mailbox.offer(command).inspect_err(|_| self.metrics.refused(Busy::Mailbox))
    }

    fn tell(&self, notice: Notice) {
        self.mailbox.tell(notice);
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
        &self.shards[self.index_of(game_id)]
    }

    fn index_of(&self, game_id: &GameId) -> usize {
        let mut hasher = DefaultHasher::new();
        game_id.hash(&mut hasher);
        let index = hasher.finish() % self.shards.len() as u64;
        usize::try_from(index).expect("there are fewer shards than that")
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
        // Here and not with each command: the shard's thread and all that ask it would fight over one number.
        for shard in &self.shards {
            shard.metrics.queue_depth.set(i64::try_from(shard.depth()).unwrap_or(i64::MAX));
        }
        self.ask_each(Notice::Stats, within).await
    }

    /// The games that have connections, as far as the shards say so in time.
    pub async fn live_games(&self, within: Duration) -> Vec<GameId> {
        self.ask_each(Notice::Live, within).await.into_iter().flatten().flatten().collect()
    }

    async fn ask_each<T>(&self, notice: impl Fn(oneshot::Sender<T>) -> Notice, within: Duration) -> Vec<Option<T>> {
        let asked = self.shards.iter().map(|shard| {
            let (reply, answer) = oneshot::channel();
            shard.tell(notice(reply));
            async { tokio::time::timeout(within, answer).await.ok()?.ok() }
        });
        futures_util::future::join_all(asked).await
    }

    /// Looks at a game, in memory and beyond it, and leaves it where it is.
    pub async fn inspect(&self, game_id: &GameId, within: Duration) -> Inspection {
        let (reply, answer) = oneshot::channel();
        self.tell(game_id, Notice::Inspect { game_id: game_id.clone(), reply });
        let answer = tokio::time::timeout(within, answer);
        let (inside, outside) = futures_util::future::join(answer, self.store.whereabouts(game_id)).await;
        Inspection { shard: self.index_of(game_id), inside: inside.ok().and_then(Result::ok), outside }
    }

    /// Tells each shard where games of it stand in the durable store.
    pub fn tell_stands(&self, stands: impl IntoIterator<Item = (GameId, Option<Stand>)>) {
        let mut of_shards: Vec<Vec<_>> = self.shards.iter().map(|_| Vec::new()).collect();
        for (game_id, stand) in stands {
            of_shards[self.index_of(&game_id)].push((game_id, stand));
        }
        let told = self.shards.iter().zip(of_shards).filter(|(_, stands)| !stands.is_empty());
        told.for_each(|(shard, stands)| shard.tell(Notice::Stands(stands)));
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
    pub async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<Cleaned, ShardError> {
        let cleaned = self.store.clean_up(keep, now).await?;
        for game_id in &cleaned.unseated {
            self.tell(game_id, Notice::Flush(Some(game_id.clone())));
        }
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

    /// The Redis tier, where there is one.
    #[must_use]
    pub fn redis(&self) -> Option<&Cache> {
        self.store.cache()
    }

    /// Removes a game, or all of them, from Redis.
    ///
    /// # Errors
    /// `Unavailable`: some of it may be left.
    pub async fn forget_in_redis(&self, game_id: Option<&GameId>) -> Result<(), StoreError> {
        self.store.forget_cached(game_id).await
    }

    /// How each circuit breaker stands.
    #[must_use]
    pub fn breakers(&self) -> Vec<BreakerView> {
        self.store.breakers()
    }

    /// What became of lookups of seats and replays.
    #[must_use]
    pub fn lookups(&self) -> CacheTotals {
        self.store.totals()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use actix::Arbiter;
    use prometheus_client::registry::Registry;
    use tokio::runtime::Handle;

    use super::*;
    use crate::{
        clock::Clock,
        domain::{Claims, Event, Farewell, Role, Timer, UserId},
        shard::{
            Bus, ConnectionId, Delivery, Frame, FrameWriter, Journal, Outlet, Reader, Slow,
            core::{Parts, Rules},
            messages::{Claim, GameView, Join, Source},
            metrics::{Backpressure, JournalMetrics, ShardFamilies},
        },
        store::{
            BreakerLimits, Durable, RegistryMetrics,
            faulty::{Fault, Faults, FaultyStore, Whose},
        },
    };

    const CAPACITY: usize = 4;
    const SOON: Duration = Duration::from_secs(5);

    struct NoFrames;

    impl FrameWriter for NoFrames {
        fn event(&self, _: &GameId, _: &Event) -> Frame {
            unreachable!("nothing is recorded")
        }

        fn presence(&self, _: &GameId, _: &UserId, _: bool, _: Timestamp) -> Frame {
            unreachable!("nobody else is there")
        }

        fn time(&self, _: &Timer) -> Frame {
            unreachable!("there are no clocks")
        }
    }

    /// An outlet that keeps its shard waiting until it is told to go on.
    struct Stuck {
        reached: mpsc::SyncSender<()>,
        go_on: parking_lot::Mutex<mpsc::Receiver<()>>,
    }

    impl Outlet for Stuck {
        fn deliver(&self, _: Delivery) -> Result<(), Slow> {
            self.reached.send(()).unwrap();
            self.go_on.lock().recv().unwrap();
            Ok(())
        }

        fn close(&self, _: Farewell) {}

        fn is_gone(&self) -> bool {
            false
        }

        fn last_seen(&self) -> Timestamp {
            Timestamp::default()
        }
    }

    fn two_shards() -> (Shards, Faults) {
        let mut registry = Registry::default();
        let (faulty, faults) = FaultyStore::temporary();
        let store = Store::of_one_tier(Durable::Faulty(faulty), SOON, BreakerLimits::default(), &mut registry);
        let (journal, writing) = Journal::start(store.clone(), Arc::new(JournalMetrics::register(&mut registry)));
        drop(tokio::spawn(writing));
        let reader = Reader::start(store.clone(), &Handle::current());
        let backpressure = Backpressure::register(&mut registry);
        let families =
            ShardFamilies::register(&mut registry, backpressure, RegistryMetrics::register(&mut Registry::default()));
        let rules = Rules {
            retention: 50,
            token_ttl: Duration::from_secs(60),
            absent_after: Duration::from_secs(60),
            open_games: true,
            create_on_join: true,
            heartbeat_flush: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            clock_broadcast: Duration::from_secs(5),
        };
        let shards = (0..2).map(|index| {
            let parts = Parts {
                index,
                rules: rules.clone(),
                budget_bytes: 1_000_000,
                clock: Clock::held_at(Timestamp::from_millis(1_000)),
                frames: Arc::new(NoFrames),
                journal: journal.clone(),
                reader: reader.clone(),
                bus: Bus::of_a_lone_node(),
                metrics: Arc::new(families.shard(index)),
            };
            ShardHandle::start(&Arbiter::new().handle(), parts, CAPACITY)
        });
        (Shards::new(shards.collect(), store), faults)
    }

    /// A game of each shard.
    fn games(shards: &Shards) -> [GameId; 2] {
        let mut names = (0..).map(|number| GameId::parse(&format!("g{number}")).unwrap());
        [0, 1].map(|index| names.find(|game| std::ptr::eq(shards.of(game), &raw const shards.all()[index])).unwrap())
    }

    fn describe(shards: &Shards, game: &GameId) -> Result<oneshot::Receiver<Result<GameView, ShardError>>, ()> {
        let (reply, answer) = oneshot::channel();
        let offered = shards.offer(game.clone(), Deed::Describe { source: Source::Memory, reply });
        offered.map(|()| answer).map_err(drop)
    }

    #[actix::test]
    async fn a_full_mailbox_refuses_at_once_and_leaves_the_other_shard_alone() {
        let (shards, _faults) = two_shards();
        let [slow, other] = games(&shards);
        let ((reached, is_reached), (going, go_on)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
        let claims = Claims { user_id: UserId::parse("ann").unwrap(), role: Role::Player, games: None };
        let join = Join {
            connection: ConnectionId(1),
            outlet: Arc::new(Stuck { reached, go_on: parking_lot::Mutex::new(go_on) }),
            claim: Claim::Access(claims),
            asked: Role::Player,
            said: None,
            source: Source::Memory,
        };
        assert!(shards.offer(slow.clone(), Deed::Join(Box::new(join))).is_ok());
        tokio::task::spawn_blocking(move || is_reached.recv_timeout(SOON)).await.unwrap().unwrap();

        let asked: Vec<_> = (0..10).map(|_| describe(&shards, &slow)).collect();
        let at_the_other = tokio::time::timeout(SOON, describe(&shards, &other).unwrap()).await.unwrap();

        assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), CAPACITY);
        assert_eq!(shards.of(&slow).depth(), CAPACITY);
        assert_eq!(at_the_other.unwrap().unwrap_err(), ShardError::NoGame);
        going.send(()).unwrap();
        for answer in asked.into_iter().flatten() {
            assert!(tokio::time::timeout(SOON, answer).await.unwrap().unwrap().is_ok());
        }
        assert_eq!(shards.of(&slow).depth(), 0);
    }

    #[actix::test]
    async fn what_waits_for_a_store_that_does_not_answer_is_bounded() {
        let (shards, faults) = two_shards();
        let [cold, _] = games(&shards);
        faults.set(Whose::All, Fault::Stuck);
        let mut answers = Vec::new();

        let refused = loop {
            match describe(&shards, &cold) {
                // The mailbox is full for a moment: the shard takes out what is in it.
                Err(()) => tokio::task::yield_now().await,
                Ok(answer) => answers.push(answer),
            }
            if let Some(Ok(Err(error))) = answers.last_mut().map(oneshot::Receiver::try_recv) {
                break error;
            }
            assert!(answers.len() < 100_000, "nothing was ever refused");
        };

        assert_eq!(refused, ShardError::Busy(Busy::Mailbox));
    }
}
