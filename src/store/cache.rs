//! The Redis tier as the store uses it: for which games, and what of it is believed.
//!
//! Owns the switch and the share of games, and holds what Redis says against the durable store: a tail counts only whole,
//! of the game's present life, and up to its present head. Seats come from the durable store always; what Redis knows of
//! one can only move it forward. See docs/decisions/0007-what-redis-is-asked.md.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    Breaker, CacheOperation, CacheTier, Change, Cleaned, Outcome, RegistryMetrics, Revoked, SeatMark, Write,
    redis::{CacheWrite, CachedEvent, CachedGame, PoolStatus, RedisError, RedisReport, RedisTier, Wanted},
    tiered::{Loaded, Origin, Sought},
};
use tokio::sync::mpsc;

use crate::domain::{Event, Game, GameId, ReplayTail, Sequence, SessionId, UserId};

/// The share of games that use the Redis tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadThrough {
    pub enabled: bool,
    /// 0 to 100.
    pub percent: u8,
}

/// The Redis tier, and what it is used for.
pub struct Cache {
    tier: RedisTier,
    breaker: Breaker,
    share: Share,
    metrics: RegistryMetrics,
}

impl Cache {
    /// Puts a switch before the tier.
    #[must_use]
    pub fn new(tier: RedisTier, breaker: Breaker, read_through: ReadThrough, metrics: RegistryMetrics) -> Self {
        Self { tier, breaker, share: Share::new(read_through), metrics }
    }

    /// The share of games that use the tier.
    #[must_use]
    pub fn read_through(&self) -> ReadThrough {
        self.share.get()
    }

    /// Switches at once. What games left in Redis meanwhile does no harm: it is held against the durable store.
    pub fn set_read_through(&self, read_through: ReadThrough) {
        self.share.set(read_through);
        let ReadThrough { enabled, percent } = read_through;
        tracing::info!(context = "GameSessionRegistryRedis", enabled, percent, "Changed the share of games in Redis");
    }

    /// Sets how long a key lives after its last write, and how many events are kept of a game, from now on.
    pub fn keep(&self, ttl: Duration, events: usize) {
        self.tier.keep(ttl, events);
    }

    /// Whether Redis answers.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.tier.is_connected()
    }

    /// How Redis is doing.
    ///
    /// # Errors
    /// Why it does not say.
    pub async fn report(&self) -> Result<RedisReport, RedisError> {
        self.tier.report().await
    }

    /// How its connections are used.
    #[must_use]
    pub fn pool(&self) -> PoolStatus {
        self.tier.pool()
    }

    /// Removes a game from Redis: its events, and the seats of these users.
    ///
    /// # Errors
    /// Why Redis did not.
    pub async fn forget(&self, game_id: &GameId, users: &[UserId]) -> Result<(), RedisError> {
        self.tier.forget(game_id, users).await
    }

    /// Removes everything of ours from Redis. Returns how many keys there were.
    ///
    /// # Errors
    /// Why Redis did not; some may be removed.
    pub async fn forget_all(&self) -> Result<u64, RedisError> {
        self.tier.forget_all().await
    }

    /// What other nodes tell from now on. Some of it may be lost.
    #[must_use]
    pub fn changes(&self) -> mpsc::Receiver<Change> {
        self.tier.changes()
    }

    /// Tells the other nodes.
    pub fn tell(&self, change: Change) {
        self.tier.write(CacheWrite::Tell(change));
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Whether a game uses the tier.
    pub(super) fn has(&self, game_id: &GameId) -> bool {
        self.share.has(game_id)
    }

    /// Reads what there is of games, all of which use the tier. Nothing where Redis fails.
    pub(super) async fn read(&self, wanted: &[Wanted]) -> Vec<CachedGame> {
        match self.tier.read(wanted).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(context = "GameSessionRegistryRedis", %error, "Could not read games");
                Vec::new()
            }
        }
    }

    /// Puts a game together from what the durable store said of it, without events, and what Redis has.
    pub(super) fn complete(&self, mut game: Game, cached: CachedGame, user: Option<&UserId>, tail: usize) -> Sought {
        let ahead = user.filter(|user| self.move_forward(&mut game, user, &cached));
        let start = game.floor.max(Sequence::new(game.head().number().saturating_sub(tail as u64)));
        let Some(events) = whole(cached.events, &game, start) else {
            self.metrics.miss(CacheOperation::ReplayFetch, CacheTier::Redis, 1);
            tracing::debug!(context = "GameSessionRegistryRedis", gameId = %game.id, "Cache MISS");
            return Sought::Missing;
        };
        self.metrics.hit(CacheOperation::ReplayFetch, CacheTier::Redis, 1);
        tracing::debug!(context = "GameSessionRegistryRedis", gameId = %game.id, "Cache HIT");
        let mut replay = ReplayTail::new(start, tail);
        events.into_iter().for_each(|event| replay.append(event));
        Sought::Found(Box::new(Loaded { ahead: ahead.cloned(), game: game.with_tail(replay), origin: Origin::Redis }))
    }

    /// Moves a user's seat to where Redis knows it to be: what a node that has ended could not write any more.
    fn move_forward(&self, game: &mut Game, user: &UserId, cached: &CachedGame) -> bool {
        let head = game.head();
        let seat = game.seat_mut(user).filter(|seat| seat.revoked_at.is_none());
        let mark = cached.seat.as_ref().filter(|mark| mark.last_ack <= head);
        let known = seat.zip(mark).filter(|(seat, mark)| seat.session_id == mark.session_id);
        self.metrics.looked_for(CacheOperation::SessionByGameUser, CacheTier::Redis, known.is_some());
        known.is_some_and(|(seat, mark)| mark.advance(seat))
    }

    /// Fills in what Redis lacked of a game.
    pub(super) fn repair(&self, game: &Game) {
        let tail = game.tail();
        let events = tail.after(tail.start()).into_iter().flatten().collect();
        self.tier.write(CacheWrite::Hydrate { game_id: game.id.clone(), epoch: game.epoch, events });
    }

    /// Finds the game of a session. It is for ever the same one; whether the session still is, the game will say.
    pub(super) async fn game_of_session(&self, session: SessionId) -> Option<GameId> {
        if !self.share.get().enabled {
            return None;
        }
        let found = self.tier.game_of_session(session).await.ok()?;
        self.metrics.looked_for(CacheOperation::SessionById, CacheTier::Redis, found.is_some());
        found
    }

    /// Remembers the game of a session.
    pub(super) fn remember_session(&self, session_id: SessionId, game_id: &GameId) {
        if self.has(game_id) {
            self.tier.write(CacheWrite::Session { session_id, game_id: game_id.clone() });
        }
    }

    /// Passes on how far users have seen, before it is durable: it is true in any case, and a node that ends meanwhile
    /// cannot say it again.
    pub(super) fn before_commit(&self, batch: &[Write]) {
        for write in batch {
            let Write::Marks { seats, .. } = write else { continue };
            for mark in seats {
                if let Some((game_id, user_id)) = mark.whole.clone().filter(|(game_id, _)| self.has(game_id)) {
                    self.tier.write(CacheWrite::Seat { game_id, user_id, mark: mark.clone() });
                }
            }
        }
    }

    /// What to write to Redis for each write of a batch, once that is done.
    pub(super) fn prepare(&self, batch: &[Write]) -> Vec<Vec<CacheWrite>> {
        batch.iter().map(|write| self.follow_up(write)).collect()
    }

    /// Writes what was prepared for the writes that were done.
    pub(super) fn after_commit(&self, prepared: Vec<Vec<CacheWrite>>, outcomes: &[Outcome]) {
        let done = prepared.into_iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Done);
        done.flat_map(|(writes, _)| writes).for_each(|write| self.tier.write(write));
    }

    fn follow_up(&self, write: &Write) -> Vec<CacheWrite> {
        let altered = |game_id: &GameId| vec![CacheWrite::Tell(Change::Altered(game_id.clone()))];
        match write {
            Write::Append(append) => {
                let (game_id, epoch) = (append.game_id.clone(), append.epoch);
                let Some(newest) = append.events.last() else { return Vec::new() };
                let head = newest.sequence;
                let mut writes = vec![CacheWrite::Tell(Change::Recorded { game_id: game_id.clone(), epoch, head })];
                if self.has(&game_id) {
                    writes.push(CacheWrite::Append { game_id, epoch, events: append.events.clone() });
                }
                writes
            }
            Write::TakeSeat { game_id, seat, .. } => {
                let mut writes = altered(game_id);
                if self.has(game_id) {
                    let (game_id, user_id) = (game_id.clone(), seat.user_id.clone());
                    let mark = SeatMark::of(&game_id, seat);
                    writes.push(CacheWrite::Seat { game_id, user_id, mark });
                }
                writes
            }
            Write::Marks { floors, .. } => {
                let floors = floors.iter().filter(|floor| self.has(&floor.game_id));
                floors.map(|floor| CacheWrite::Prune { game_id: floor.game_id.clone(), floor: floor.floor }).collect()
            }
            Write::DeleteGame { game_id, .. } => {
                vec![CacheWrite::Tell(Change::Removed(game_id.clone())), CacheWrite::ForgetGame(game_id.clone())]
            }
            Write::ChangeGame(change) => altered(&change.game_id),
            Write::PutClock(change) => altered(&change.game_id),
            Write::PutSummary { game_id, .. } => altered(game_id),
            Write::CreateGame(_) | Write::Recall { .. } => Vec::new(),
        }
    }

    /// Notes sessions that were revoked.
    pub(super) fn revoked(&self, revoked: &[Revoked]) {
        for revoked in revoked {
            self.tier.write(CacheWrite::Tell(Change::Revoked(revoked.clone())));
            let Revoked { game_id, user_id, session_id } = revoked.clone();
            self.tier.write(CacheWrite::ForgetSeat { game_id, user_id, session_id });
        }
    }

    /// Notes what was cleaned up.
    pub(super) fn cleaned(&self, cleaned: &Cleaned) {
        for game_id in &cleaned.games {
            self.tier.write(CacheWrite::Tell(Change::Removed(game_id.clone())));
            self.tier.write(CacheWrite::ForgetGame(game_id.clone()));
        }
        cleaned.unseated.iter().for_each(|game_id| self.tell(Change::Altered(game_id.clone())));
    }
}

/// The events between `start` and the game's head, in the game's present life; `None` where one is missing or there
/// twice.
fn whole(cached: Vec<CachedEvent>, game: &Game, start: Sequence) -> Option<Vec<Arc<Event>>> {
    let (epoch, head) = (game.epoch, game.head());
    let of_now = cached.into_iter().filter(|cached| cached.epoch == epoch).map(|cached| cached.event);
    let events: Vec<_> = of_now.filter(|event| event.sequence > start && event.sequence <= head).collect();
    let in_order = events.iter().zip(start.number() + 1..).all(|(event, number)| event.sequence.number() == number);
    (in_order && events.len() as u64 == head.count_after(start)).then_some(events)
}

/// A switch and a percentage, changed while games are played.
struct Share(AtomicU8);

impl Share {
    /// Added to the percentage where the tier is switched off, which keeps both in one number.
    const OFF: u8 = 128;

    fn new(read_through: ReadThrough) -> Self {
        Self(AtomicU8::new(Self::number(read_through)))
    }

    fn number(ReadThrough { enabled, percent }: ReadThrough) -> u8 {
        percent.min(100) + if enabled { 0 } else { Self::OFF }
    }

    fn get(&self) -> ReadThrough {
        let number = self.0.load(Relaxed);
        ReadThrough { enabled: number < Self::OFF, percent: number % Self::OFF }
    }

    fn set(&self, read_through: ReadThrough) {
        self.0.store(Self::number(read_through), Relaxed);
    }

    /// Whether the game is of the share: on every node, and in every version of this program, the same games are.
    fn has(&self, game_id: &GameId) -> bool {
        let ReadThrough { enabled, percent } = self.get();
        enabled && place(game_id) < u64::from(percent)
    }
}

/// A game's place among a hundred: FNV-1a, see RFC 9923.
fn place(game_id: &GameId) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    game_id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix) % 100
}

#[cfg(test)]
mod tests;
