//! What one shard does in a turn: its games, what goes on in them, and the way in and out of memory.
//!
//! No actor and no await: input comes by call, effects leave through the journal, the reader, outlets and replies, and
//! what those bring back comes in by call again. The topics are in the files beside this one.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    Busy, FrameWriter, Journal, Reader, ShardError,
    journal::Written,
    messages::{Acknowledger, Author, Command, Deed, Notice, Request, ShardStats, Source},
    metrics::ShardMetrics,
    reader::LoadRequest,
    residents::{Resident, Residents, Use},
    room::{Carried, Loading, Room, Turn},
};
use crate::{
    clock::Clock,
    domain::{Farewell, Game, GameId, Role, Timestamp, UserId},
    shard::ConnectionId,
    store::{EventPage, SeatMark, StoreError},
};

/// What waits for a load or for its turn, all games of a shard together.
const MAX_WAITING: usize = 16_384;

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
}

/// What comes back to a shard from the journal and the reader.
pub enum Completion {
    Loaded { game_id: GameId, game: Result<Option<Game>, StoreError> },
    Written { game_id: GameId, written: Written },
    Marked { marked: super::marking::Marked, written: Written },
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
    pub(super) postbox: Postbox,
    pub(super) residents: Residents<GameId, Game>,
    pub(super) rooms: HashMap<GameId, Room>,
    pub(super) marking: super::marking::Marking,
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
    pub metrics: Arc<ShardMetrics>,
}

impl Resident for Game {
    fn accounted_bytes(&self) -> usize {
        Game::accounted_bytes(self)
    }

    fn shrink(&mut self) {
        self.shorten_tail(0);
    }
}

impl Core {
    /// Starts with nothing in memory.
    #[must_use]
    pub fn new(parts: Parts, postbox: Postbox) -> Self {
        let Parts { index, rules, budget_bytes, clock, frames, journal, reader, metrics } = parts;
        let marking = super::marking::Marking::new(clock.now());
        Self {
            index,
            rules,
            clock,
            frames,
            journal,
            reader,
            postbox,
            residents: Residents::new(budget_bytes),
            rooms: HashMap::new(),
            marking,
            metrics,
            waiting: 0,
        }
    }

    /// Does what it is asked, at once or as soon as the game is in memory.
    pub fn command(&mut self, command: Command) {
        let Command { game_id, deed } = command;
        if deed.is_abandoned() {
            return;
        }
        if self.residents.get_mut(&game_id).is_some() {
            self.metrics.hits.inc();
            tracing::debug!(context = "ShardActor", gameId = %game_id, "Cache HIT");
            self.perform(&game_id, deed);
            self.take_turns(&game_id);
            self.settle(&game_id);
        } else {
            self.metrics.misses.inc();
            tracing::debug!(context = "ShardActor", gameId = %game_id, "Cache MISS");
            self.park(&game_id, deed);
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
            Notice::Drain => self.submit_marks(),
            // Whoever asked may be gone.
            Notice::Stats(reply) => drop(reply.send(self.stats())),
        }
    }

    /// Goes on with what waited for the journal or the reader.
    pub fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Loaded { game_id, game } => self.loaded(&game_id, game),
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
        self.flush_marks(now);
        self.residents.fit();
        self.publish();
    }

    /// Notes that a command was taken out of the mailbox, how many are left there, and how long it had waited.
    pub fn taken_out(&self, left: usize, waited: Duration) {
        self.metrics.queue_depth.set(i64::try_from(left).unwrap_or(i64::MAX));
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

    fn perform(&mut self, game_id: &GameId, deed: Deed) {
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
            Deed::Delete(reply) => self.queue(game_id, Turn::Delete(reply)),
            Deed::TakeSeat { user_id, metadata, reply } => self.take_seat(game_id, user_id, metadata, reply),
            Deed::Validate { token, reply } => drop(reply.send(self.validate(game_id, &token))),
            Deed::ReadSession { session_id, reply } => drop(reply.send(self.read_session(game_id, session_id))),
            Deed::Heartbeat { session_id, reply } => drop(reply.send(self.heartbeat(game_id, session_id))),
        }
    }

    /// Lets a deed wait until the game is in memory.
    fn park(&mut self, game_id: &GameId, deed: Deed) {
        if self.waiting >= MAX_WAITING {
            return self.refuse_deed(game_id, deed, ShardError::Busy(Busy::Mailbox));
        }
        self.waiting += 1;
        let deed = deed.that_was_loaded();
        self.rooms.entry(game_id.clone()).or_default().parked.push_back(deed);
        self.load(game_id);
    }

    /// Has the game loaded, unless that is under way.
    pub(super) fn load(&mut self, game_id: &GameId) {
        let room = self.rooms.entry(game_id.clone()).or_default();
        if room.loading.is_some() {
            return;
        }
        let (postbox, loaded_id) = (Arc::clone(&self.postbox), game_id.clone());
        let then = Box::new(move |game| postbox(Completion::Loaded { game_id: loaded_id, game }));
        room.loading = Some(Loading::Once);
        self.reader.load(LoadRequest { game_id: game_id.clone(), then });
    }

    /// Drops what is in memory and has the game loaded afresh: the store knows more.
    pub(super) fn reload(&mut self, game_id: &GameId) {
        let room = self.rooms.entry(game_id.clone()).or_default();
        if let Some(game) = self.residents.remove(game_id) {
            room.carried = Some(Carried { epoch: game.epoch, floor: game.floor, seats: game.seats().to_vec() });
        }
        match room.loading.as_mut() {
            Some(loading) => *loading = Loading::Again,
            None => self.load(game_id),
        }
    }

    fn loaded(&mut self, game_id: &GameId, game: Result<Option<Game>, StoreError>) {
        let Some(room) = self.rooms.get_mut(game_id) else { return };
        if room.loading.take() == Some(Loading::Again) {
            return self.load(game_id);
        }
        match game {
            Ok(Some(game)) => self.take_in(game),
            Ok(None) => self.not_found(game_id),
            Err(error) => self.refuse_all(game_id, error.into()),
        }
        self.settle(game_id);
    }

    /// Takes a game into memory and goes on with what waited for it.
    pub(super) fn take_in(&mut self, mut game: Game) {
        let now = self.clock.now();
        let game_id = game.id.clone();
        let room = self.rooms.entry(game_id.clone()).or_default();
        if let Some(carried) = room.carried.take().filter(|carried| carried.epoch == game.epoch) {
            for known in carried.seats {
                if let Some(seat) = game.seat_mut(&known.user_id).filter(|seat| seat.session_id == known.session_id) {
                    seat.advance(&known);
                    room.marks.seats.insert(known.user_id);
                }
            }
            if carried.floor > game.floor {
                game.prune(carried.floor);
                room.marks.floor = true;
            }
            self.marking.due.insert(game_id.clone());
        }
        for member in room.members.values().filter(|member| member.role == Role::Player) {
            if let Some(seat) = game.seat_mut(&member.user_id) {
                seat.online = true;
            }
        }
        let used = if room.members.is_empty() { Use::Idle } else { Use::Connected };
        let deadline = now.plus(self.rules.token_ttl);
        if self.residents.insert(game_id.clone(), game, used, deadline).is_err() {
            return self.refuse_all(&game_id, ShardError::Busy(Busy::Memory));
        }
        self.metrics.sets.inc();
        self.hand_over_missed(&game_id);
        self.prune(&game_id, now);
        while self.residents.peek(&game_id).is_some()
            && let Some(deed) = self.rooms.get_mut(&game_id).and_then(|room| room.parked.pop_front())
        {
            self.waiting -= 1;
            if !deed.is_abandoned() {
                self.perform(&game_id, deed);
            }
        }
        self.take_turns(&game_id);
    }

    /// The store has no such game: what waited for it makes it, or is refused.
    fn not_found(&mut self, game_id: &GameId) {
        let Some(room) = self.rooms.get_mut(game_id) else { return };
        room.members.values().for_each(|member| member.outlet.close(Farewell::GameEnded));
        room.members.clear();
        let mut parked = std::mem::take(&mut room.parked);
        self.waiting -= parked.len();
        while let Some(deed) = parked.pop_front() {
            match deed {
                Deed::Configure { spec, reply } => self.queue(game_id, Turn::Create { spec, reply: Some(reply) }),
                deed if self.makes_game(game_id, &deed) => {
                    self.queue(game_id, Turn::Create { spec: super::messages::GameSpec::default(), reply: None });
                    parked.push_front(deed);
                }
                deed => {
                    self.refuse_deed(game_id, deed, ShardError::NoGame);
                    continue;
                }
            }
            // The rest waits for the game that is being made.
            self.waiting += parked.len();
            self.rooms.entry(game_id.clone()).or_default().parked = parked;
            return self.take_turns(game_id);
        }
        let turns = self.rooms.get_mut(game_id).map(|room| std::mem::take(&mut room.turns)).unwrap_or_default();
        self.waiting -= turns.len();
        turns.into_iter().for_each(|turn| self.refuse_turn(game_id, turn, ShardError::NoGame));
    }

    /// Drops a game from memory, unless it knows something that the store does not.
    fn flush(&mut self, game_id: &GameId) {
        if self.rooms.get(game_id).is_none_or(|room| !room.is_writing()) && self.residents.remove(game_id).is_some() {
            self.metrics.deletes.inc();
        }
    }

    /// Drops everything of a game and closes its connections.
    pub(super) fn forget(&mut self, game_id: &GameId, why: Farewell) {
        if self.residents.remove(game_id).is_some() {
            self.metrics.deletes.inc();
        }
        let error = if why == Farewell::Internal { ShardError::Internal } else { ShardError::NoGame };
        self.refuse_all(game_id, error);
        let Some(room) = self.rooms.get_mut(game_id) else { return };
        room.members.values().for_each(|member| member.outlet.close(why));
        room.members.clear();
        room.marks = super::room::Marks::default();
        self.settle(game_id);
    }

    /// Time may be over for a seat, or for the game's place in memory.
    fn expire(&mut self, game_id: &GameId, now: Timestamp) {
        let absent_after = self.rules.absent_after;
        self.prune(game_id, now);
        let Some(game) = self.residents.get_mut(game_id) else { return };
        game.forget_absent(now, absent_after);
        match self.rooms.get(game_id) {
            None => {
                self.residents.remove(game_id);
                self.metrics.expirations.inc();
            }
            Some(_) => self.settle(game_id),
        }
    }

    /// Refuses everything that waits in a game.
    pub(super) fn refuse_all(&mut self, game_id: &GameId, error: ShardError) {
        let Some(room) = self.rooms.get_mut(game_id) else { return };
        let (parked, turns) = (std::mem::take(&mut room.parked), std::mem::take(&mut room.turns));
        self.waiting -= parked.len() + turns.len();
        parked.into_iter().for_each(|deed| self.refuse_deed(game_id, deed, error));
        turns.into_iter().for_each(|turn| self.refuse_turn(game_id, turn, error));
    }

    fn refuse_deed(&mut self, game_id: &GameId, deed: Deed, error: ShardError) {
        if let ShardError::Busy(busy) = error {
            self.metrics.refused(busy);
        }
        // Whoever asked may be gone: a reply that finds nobody is no fault.
        match deed {
            Deed::Join(join) => join.outlet.close(farewell(error)),
            Deed::Record(request) => self.refuse_record(game_id, request, error),
            Deed::Acknowledge { by: Acknowledger::Connection(connection), .. } => {
                self.refuse_message(game_id, connection, None, error);
            }
            Deed::CatchUp { connection, .. } => self.dismiss(game_id, connection, farewell(error)),
            Deed::Acknowledge { by: Acknowledger::Backend { reply, .. }, .. } => drop(reply.send(Err(error))),
            Deed::ReadEvents { reply, .. } => drop(reply.send(Err(error))),
            Deed::Describe { reply, .. } => drop(reply.send(Err(error))),
            Deed::Configure { reply, .. } => drop(reply.send(Err(error))),
            Deed::PutSummary { reply, .. } | Deed::Delete(reply) => drop(reply.send(Err(error))),
            Deed::TakeSeat { reply, .. }
            | Deed::Validate { reply, .. }
            | Deed::ReadSession { reply, .. }
            | Deed::Heartbeat { reply, .. } => drop(reply.send(Err(error))),
        }
    }

    /// Brings the books in order after a turn in a game: its weight, its use, its deadline; and ends a room that idles.
    pub(super) fn settle(&mut self, game_id: &GameId) {
        let now = self.clock.now();
        let (mut connected, mut writing, mut idle) = (false, false, true);
        if let Some(room) = self.rooms.get(game_id) {
            (connected, writing, idle) = (!room.members.is_empty(), room.is_writing(), room.is_idle());
        }
        if idle {
            self.rooms.remove(game_id);
        }
        let Some(game) = self.residents.peek(game_id) else { return };
        let in_memory = (!connected).then(|| now.plus(self.rules.token_ttl));
        let of_seats = game.next_deadline(now, self.rules.absent_after);
        let deadline = of_seats.into_iter().chain(in_memory).min().unwrap_or(Timestamp::from_millis(i64::MAX));
        self.residents.set_deadline(game_id, deadline);
        self.residents.set_use(game_id, if connected { Use::Connected } else { Use::Idle });
        self.residents.pin(game_id, writing);
        self.residents.settle(game_id);
    }

    fn stats(&self) -> ShardStats {
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
        let live = self.rooms.iter().filter(|(_, room)| !room.members.is_empty());
        let backlog = live.filter_map(|(game_id, _)| self.residents.peek(game_id)).map(online_backlog).max();
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

impl Deed {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool {
        match self {
            Deed::Join(_) | Deed::CatchUp { .. } => false,
            Deed::Record(request) => request.is_abandoned(),
            Deed::Acknowledge { by: Acknowledger::Connection(_), .. } => false,
            Deed::Acknowledge { by: Acknowledger::Backend { reply, .. }, .. } => reply.is_closed(),
            Deed::ReadEvents { reply, .. } => reply.is_closed(),
            Deed::Describe { reply, .. } => reply.is_closed(),
            Deed::Configure { reply, .. } => reply.is_closed(),
            Deed::PutSummary { reply, .. } | Deed::Delete(reply) => reply.is_closed(),
            Deed::TakeSeat { reply, .. }
            | Deed::Validate { reply, .. }
            | Deed::ReadSession { reply, .. }
            | Deed::Heartbeat { reply, .. } => reply.is_closed(),
        }
    }
}

impl Deed {
    /// The deed, of a game that was not in memory.
    fn that_was_loaded(self) -> Self {
        match self {
            Deed::Join(mut join) => {
                join.source = Source::Store;
                Deed::Join(join)
            }
            Deed::Describe { reply, .. } => Deed::Describe { source: Source::Store, reply },
            other => other,
        }
    }
}

impl Request {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match &self.by {
            Author::Connection(_) => false,
            Author::Backend(reply) => reply.is_closed(),
        }
    }
}

/// How a connection that cannot come in, or go on, is told so.
pub(super) fn farewell(error: ShardError) -> Farewell {
    use crate::domain::TokenRefused;
    match error {
        ShardError::Busy(_) | ShardError::Unavailable | ShardError::Unknown => Farewell::TryAgainLater,
        ShardError::NoGame | ShardError::NoSession | ShardError::Rejected(_) => Farewell::Forbidden,
        ShardError::Token(TokenRefused::Invalid) => Farewell::InvalidToken,
        ShardError::Token(TokenRefused::Revoked) => Farewell::SessionRevoked,
        ShardError::Token(TokenRefused::Expired) => Farewell::SessionExpired,
        ShardError::Internal => Farewell::Internal,
    }
}
