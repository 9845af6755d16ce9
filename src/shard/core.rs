//! What one shard does in a turn: its games, what goes on in them, and the way in and out of memory.
//!
//! No actor and no await: input comes by call, effects leave through the journal, the reader, outlets and replies, and
//! what those bring back comes in by call again. The topics are in the files beside this one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    Bus, FrameWriter, Journal, Reader, ShardError,
    budget::Shrinking,
    journal::Written,
    marking::{Marked, Marking},
    messages::{Deed, Notice, ShardStats},
    metrics::ShardMetrics,
    residents::Residents,
    room::{ClockTurn, Room, Turn},
    watch::Watch,
};
use crate::{
    clock::Clock,
    domain::{Farewell, Game, GameId, Timestamp, UserId},
    shard::ConnectionId,
    store::{CacheTier, EventPage, Loaded, SeatMark, StoreError},
};

/// The house rules that a shard plays by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Events a game keeps in memory.
    pub retention: usize,
    /// How long a session lives after its last sign of life, and an untouched game stays in memory.
    pub token_ttl: Duration,
    /// How long an absent user's seat holds back pruning.
    pub absent_after: Duration,
    /// Whether anyone may join a game that names no players.
    pub open_games: bool,
    /// Whether a first join makes the game.
    pub create_on_join: bool,
    /// How late a sign of life may reach the durable store.
    pub heartbeat_flush: Duration,
    /// How long a client that is connected elsewhere may show no sign of life in the store.
    pub silence: Duration,
    /// How often everyone is told what a running clock shows.
    pub clock_broadcast: Duration,
}

/// What comes back to a shard from the journal and the reader.
pub enum Completion {
    Loaded { game_id: GameId, loaded: Result<Option<Loaded>, StoreError> },
    Written { game_id: GameId, written: Written },
    Marked { marked: Marked, written: Written },
    Paged { game_id: GameId, connection: ConnectionId, page: Result<Option<EventPage>, StoreError> },
}

impl Completion {
    /// The game it is about, where it is about one.
    #[must_use]
    pub fn game_id(&self) -> Option<&GameId> {
        match self {
            Self::Loaded { game_id, .. } | Self::Written { game_id, .. } | Self::Paged { game_id, .. } => Some(game_id),
            Self::Marked { .. } => None,
        }
    }
}

/// Brings completions back to the shard, from any thread.
pub type Postbox = Arc<dyn Fn(Completion) + Send + Sync>;

/// One shard.
pub struct Core {
    pub(super) index: usize,
    pub(super) rules: Rules,
    pub(super) clock: Clock,
    pub(super) frames: Arc<dyn FrameWriter>,
    pub(super) journal: Journal,
    pub(super) reader: Reader,
    pub(super) bus: Bus,
    pub(super) postbox: Postbox,
    pub(super) residents: Residents<GameId, Game>,
    shrinking: Shrinking,
    /// Boxed, because half of a table's places are empty.
    pub(super) rooms: HashMap<GameId, Box<Room>, lru::DefaultHasher>,
    pub(super) marking: Marking,
    /// The games whose clocks run here.
    pub(super) watch: Watch,
    pub(super) vouched_at: Timestamp,
    pub(super) metrics: Arc<ShardMetrics>,
    /// Deeds parked and turns waiting, in all rooms.
    pub(super) waiting: usize,
}

/// What a shard is made of.
pub struct Parts {
    pub index: usize,
    pub rules: Rules,
    pub budget_bytes: usize,
    pub clock: Clock,
    pub frames: Arc<dyn FrameWriter>,
    pub journal: Journal,
    pub reader: Reader,
    pub bus: Bus,
    pub metrics: Arc<ShardMetrics>,
}

impl Core {
    /// Starts with nothing in memory.
    #[must_use]
    pub fn new(parts: Parts, postbox: Postbox) -> Self {
        let Parts { index, rules, budget_bytes, clock, frames, journal, reader, bus, metrics } = parts;
        let (marking, vouched_at) = (Marking::new(clock.now()), clock.now());
        Self {
            index,
            rules,
            clock,
            frames,
            journal,
            reader,
            bus,
            postbox,
            residents: Residents::new(budget_bytes),
            shrinking: Shrinking::met(budget_bytes),
            rooms: HashMap::default(),
            marking,
            watch: Watch::default(),
            vouched_at,
            metrics,
            waiting: 0,
        }
    }

    /// Does what it is asked, at once or as soon as the game is in memory.
    pub fn command(&mut self, game_id: &GameId, deed: Deed) {
        if deed.is_abandoned() {
            return;
        }
        let is_resident = self.residents.get_mut(game_id).is_some() && !self.is_to_be_asked_elsewhere(game_id, &deed);
        if let Some(operation) = deed.looks_for() {
            self.metrics.registry.looked_for(operation, CacheTier::Memory, is_resident);
        }
        if is_resident {
            self.metrics.hits.inc();
            tracing::debug!(context = "ShardActor", gameId = %game_id, "Cache HIT");
            self.perform(game_id, deed);
            self.take_turns(game_id);
            self.settle(game_id);
        } else {
            self.metrics.misses.inc();
            tracing::debug!(context = "ShardActor", gameId = %game_id, "Cache MISS");
            self.park(game_id, deed);
        }
    }

    /// Takes note.
    pub fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Leave { game_id, connection } => self.leave(&game_id, connection),
            Notice::Prove { game_id, connection } => self.prove(&game_id, connection),
            Notice::Revoked(revoked) => self.revoked(revoked),
            Notice::Removed(game_id) => self.forget(&game_id, Farewell::GameEnded),
            Notice::Flush(Some(game_id)) => self.flush(&game_id),
            Notice::Flush(None) => {
                let games: Vec<GameId> = self.residents.keys().cloned().collect();
                games.iter().for_each(|game_id| self.flush(game_id));
            }
            Notice::Elsewhere(change) => self.changed_elsewhere(change),
            Notice::Stands(stands) => stands.into_iter().for_each(|(game_id, stand)| self.compare(&game_id, stand)),
            // Whoever asked may be gone.
            Notice::Live(reply) => drop(reply.send(self.live_games().cloned().collect())),
            Notice::Drain => {
                self.submit_marks();
                self.vouched_at = Timestamp::default();
                self.vouch(self.clock.now());
            }
            // Whoever asked may be gone.
            Notice::Inspect { game_id, reply } => drop(reply.send(self.inspect(&game_id))),
            // Whoever asked may be gone.
            Notice::Stats(reply) => drop(reply.send(self.stats())),
            Notice::TakeUp { rules, budget_bytes } => {
                let before = std::mem::replace(&mut self.rules, rules);
                self.shrinking = Shrinking::toward(budget_bytes, self.residents.bytes());
                self.hurry_clocks(before.clock_broadcast);
            }
        }
    }

    /// Goes on with what waited for the journal or the reader.
    pub fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Loaded { game_id, loaded } => self.loaded(&game_id, loaded),
            Completion::Written { game_id, written } => self.written(&game_id, written),
            Completion::Marked { marked, written } => self.marked(marked, &written),
            Completion::Paged { game_id, connection, page } => self.paged(&game_id, connection, page),
        }
    }

    /// Does what time alone brings about. To be called some times a second.
    pub fn tick(&mut self) {
        let now = self.clock.now();
        while let Some(game_id) = self.residents.pop_due(now) {
            self.expire(&game_id, now);
        }
        self.wake();
        self.flush_marks(now);
        self.vouch(now);
        self.residents.set_budget(self.shrinking.next(self.residents.budget(), self.residents.bytes()));
        self.residents.fit();
    }

    /// Notes how long a command had waited in the mailbox.
    pub fn taken_out(&self, waited: Duration) {
        self.metrics.mailbox_wait.observe(waited.as_secs_f64());
    }

    /// Gives up a game whose turn has panicked: nothing of it is trusted any more but what the store says.
    pub fn panicked(&mut self, game_id: Option<&GameId>) {
        self.metrics.panics.inc();
        tracing::error!(context = "ShardActor", gameId = game_id.map(GameId::as_str), "A turn panicked");
        if let Some(game_id) = game_id {
            self.forget(game_id, Farewell::Internal);
        }
    }

    pub(super) fn perform(&mut self, game_id: &GameId, deed: Deed) {
        match deed {
            Deed::Join(join) => self.join(game_id, join),
            Deed::Record(request) => self.record(game_id, request),
            Deed::Acknowledge { sequence, by } => self.acknowledge(game_id, sequence, by),
            Deed::CatchUp { connection, after } => self.catch_up(game_id, connection, after),
            Deed::ReadEvents { after, limit, reply } => self.read_events(game_id, after, limit, reply),
            Deed::Describe { source, reply } => {
                drop(reply.send(self.describe(game_id, source).ok_or(ShardError::NoGame)));
            }
            Deed::Configure { spec, reply } => self.queue(game_id, Turn::Change { spec, reply }),
            Deed::PutSummary { summary, reply } => self.queue(game_id, Turn::Summarize { summary, reply }),
            Deed::SetClock { order, reply } => self.queue(game_id, Turn::Clock(ClockTurn::Order { order, reply })),
            Deed::Delete(reply) => self.queue(game_id, Turn::Delete(reply)),
            Deed::TakeSeat { user_id, metadata, reply } => self.take_seat(game_id, user_id, metadata, reply),
            Deed::Validate { token, reply } => drop(reply.send(self.validate(game_id, &token))),
            Deed::ReadSession { session_id, reply } => drop(reply.send(self.read_session(game_id, session_id))),
            Deed::Heartbeat { session_id, reply } => drop(reply.send(self.heartbeat(game_id, session_id))),
        }
    }

    fn stats(&self) -> ShardStats {
        // Whoever scrapes the metrics asks for this first: nobody pays for numbers that nobody reads.
        self.publish();
        ShardStats {
            entries: self.residents.len(),
            memory_bytes: self.residents.bytes(),
            budget_bytes: self.residents.budget(),
            hits: self.metrics.hits.get(),
            misses: self.metrics.misses.get(),
            evictions: self.residents.evictions(),
            expirations: self.metrics.expirations.get(),
            rooms: self.rooms.len(),
            connections: self.rooms.values().map(|room| room.members.len()).sum(),
        }
    }

    fn publish(&self) {
        let online_backlog = |game: &Game| {
            let online = game.seats().iter().filter(|seat| seat.online);
            online.map(|seat| game.backlog(seat.last_ack)).max().unwrap_or(0)
        };
        let backlog = self.live_games().filter_map(|game_id| self.residents.peek(game_id)).map(online_backlog).max();
        self.metrics.publish(&self.residents, backlog.unwrap_or(0));
    }

    /// Adds a mark that needs no game in memory.
    pub(super) fn mark_loosely(&mut self, mark: SeatMark) {
        self.marking.loose.push(mark);
    }

    /// Notes that a seat has something to be written.
    pub(super) fn mark_seat(&mut self, game_id: &GameId, user_id: &UserId) {
        self.rooms.entry(game_id.clone()).or_default().marks.seats.insert(user_id.clone());
        self.marking.due.insert(game_id.clone());
    }
}
