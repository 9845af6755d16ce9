//! The way of a game into memory and out of it, and what waits meanwhile.
//!
//! A cold game is loaded once, however many ask for it; what they ask waits, within a bound, and goes on in its order.

use std::sync::Arc;

use super::{
    Busy, ShardError,
    core::{Completion, Core},
    messages::{Acknowledger, Claim, Deed, GameSpec, Source},
    reader::LoadRequest,
    residents::{Resident, Standing, Use},
    room::{Carried, Loading, Marks, Turn},
};
use crate::{
    domain::{Farewell, Game, GameId, Role, Timestamp, UserId},
    store::{CacheOperation, CacheTier, Loaded, StoreError, redis::Wanted},
};

/// What waits for a load or for its turn, all games of a shard together.
const MAX_WAITING: usize = 16_384;

impl Resident for Game {
    fn accounted_bytes(&self) -> usize {
        Game::accounted_bytes(self)
    }

    fn shrink(&mut self) {
        self.shorten_tail(0);
    }
}

impl Core {
    /// Lets a deed wait until the game is loaded, afresh where it is in memory.
    pub(super) fn park(&mut self, game_id: &GameId, deed: Deed) {
        if self.waiting >= MAX_WAITING {
            return self.refuse_deed(game_id, deed, ShardError::Busy(Busy::Mailbox));
        }
        self.waiting += 1;
        self.rooms.entry(game_id.clone()).or_default().parked.push_back(deed);
        if self.residents.peek(game_id).is_some() {
            self.outdated(game_id);
        } else {
            self.load(game_id);
        }
    }

    /// Has the game loaded, unless that is under way. One that is being made is not looked for: an answer from before
    /// it was there, which comes after it, would end it.
    pub(super) fn load(&mut self, game_id: &GameId) {
        let room = self.rooms.entry(game_id.clone()).or_default();
        if room.loading.is_some() || room.is_being_made() {
            return;
        }
        let (postbox, loaded_id) = (Arc::clone(&self.postbox), game_id.clone());
        let then = Box::new(move |loaded| postbox(Completion::Loaded { game_id: loaded_id, loaded }));
        room.loading = Some(Loading::Once);
        let user_id = room.parked.front().and_then(Deed::user_id).cloned();
        let wanted = Wanted { game_id: game_id.clone(), user_id };
        self.reader.load(LoadRequest { wanted, tail: self.rules.retention, then });
    }

    /// Drops what is in memory and has the game loaded afresh: the store knows more.
    pub(super) fn reload(&mut self, game_id: &GameId) {
        let room = self.rooms.entry(game_id.clone()).or_default();
        if let Some(game) = self.residents.remove(game_id) {
            let Game { epoch, seats_version, floor, .. } = game;
            room.carried = Some(Carried { epoch, seats_version, floor, seats: game.seats().to_vec() });
        }
        match room.loading.as_mut() {
            Some(loading) => *loading = Loading::Again,
            None => self.load(game_id),
        }
    }

    pub(super) fn loaded(&mut self, game_id: &GameId, loaded: Result<Option<Loaded>, StoreError>) {
        let Some(room) = self.rooms.get_mut(game_id) else { return };
        if room.loading.take() == Some(Loading::Again) {
            return self.load(game_id);
        }
        match loaded {
            Ok(Some(Loaded { game, origin, ahead })) => {
                if let Some(user_id) = ahead {
                    self.mark_seat(game_id, &user_id);
                }
                self.metrics.registry.hit(CacheOperation::ReplayHydrate, CacheTier::Memory, 1);
                self.take_in(game, origin.into());
            }
            Ok(None) => self.not_found(game_id),
            Err(error) => self.refuse_all(game_id, error.into()),
        }
        self.settle(game_id);
    }

    /// Takes a game into memory and goes on with what waited for it.
    pub(super) fn take_in(&mut self, mut game: Game, source: Source) {
        let now = self.clock.now();
        let game_id = game.id.clone();
        game.keep_recent(self.rules.retention);
        self.resume_service(&mut game, now);
        game.suppose_connections_lost(self.rules.silence);
        let room = self.rooms.entry(game_id.clone()).or_default();
        if let Some(carried) = room.carried.take().filter(|carried| carried.epoch == game.epoch) {
            for known in carried.seats {
                if let Some(seat) = game.seat_mut(&known.user_id).filter(|seat| seat.session_id == known.session_id) {
                    seat.advance(&known);
                    room.marks.seats.insert(known.user_id);
                }
            }
            // Another node may have given out a seat that has not seen as much: the floor is found anew then.
            if carried.floor > game.floor && carried.seats_version == game.seats_version {
                game.prune(carried.floor);
                room.marks.floor = true;
            }
            self.marking.due.insert(game_id.clone());
        }
        for member in room.members.values().filter(|member| member.role == Role::Player) {
            if let Some(seat) = game.seat_mut(&member.user_id) {
                seat.come();
            }
        }
        let used = if room.members.is_empty() { Use::Idle } else { Use::Connected };
        let deadline = now.plus(self.rules.token_ttl);
        if self.residents.insert(game_id.clone(), game, used, deadline).is_err() {
            return self.refuse_all(&game_id, ShardError::Busy(Busy::Memory));
        }
        self.metrics.sets.inc();
        self.dismiss_displaced(&game_id);
        self.hand_over_missed(&game_id);
        self.prune(&game_id, now);
        while self.residents.peek(&game_id).is_some()
            && let Some(deed) = self.rooms.get_mut(&game_id).and_then(|room| room.parked.pop_front())
        {
            self.waiting -= 1;
            if !deed.is_abandoned() {
                self.perform(&game_id, deed.that_was_loaded(source));
            }
        }
        self.take_turns(&game_id);
    }

    /// The store has no such game: what waited for it makes it, or is refused.
    fn not_found(&mut self, game_id: &GameId) {
        self.watch.forget(game_id);
        let Some(room) = self.rooms.get_mut(game_id) else { return };
        room.members.values().for_each(|member| member.outlet.close(Farewell::GameEnded));
        room.members.clear();
        let mut parked = std::mem::take(&mut room.parked);
        self.waiting -= parked.len();
        while let Some(deed) = parked.pop_front() {
            match deed {
                Deed::Configure { spec, reply } => self.queue(game_id, Turn::Create { spec, reply: Some(reply) }),
                deed if self.makes_game(game_id, &deed) => {
                    self.queue(game_id, Turn::Create { spec: GameSpec::default(), reply: None });
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
    pub(super) fn flush(&mut self, game_id: &GameId) {
        if self.rooms.get(game_id).is_none_or(|room| !room.is_writing()) && self.residents.remove(game_id).is_some() {
            self.metrics.deletes.inc();
        }
    }

    /// Drops everything of a game and closes its connections.
    pub(super) fn forget(&mut self, game_id: &GameId, why: Farewell) {
        if self.residents.remove(game_id).is_some() {
            self.metrics.deletes.inc();
        }
        if why == Farewell::GameEnded {
            self.watch.forget(game_id);
        }
        let error = if why == Farewell::Internal { ShardError::Internal } else { ShardError::NoGame };
        self.refuse_all(game_id, error);
        let Some(room) = self.rooms.get_mut(game_id) else { return };
        room.members.values().for_each(|member| member.outlet.close(why));
        room.members.clear();
        room.marks = Marks::default();
        self.settle(game_id);
    }

    /// Time may be over for a seat, or for the game's place in memory.
    pub(super) fn expire(&mut self, game_id: &GameId, now: Timestamp) {
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

    /// Brings the books in order after a turn in a game: its weight, its use, its deadline; and ends a room that idles.
    pub(super) fn settle(&mut self, game_id: &GameId) {
        self.keep_time(game_id);
        let room = self.rooms.get(game_id);
        let connected = room.is_some_and(|room| !room.members.is_empty());
        let pinned = room.is_some_and(|room| room.is_writing());
        let idle = room.is_none_or(|room| room.is_idle());
        if idle && room.is_some() {
            self.rooms.remove(game_id);
        }
        let (now, rules) = (self.clock.now(), &self.rules);
        self.residents.settle(game_id, |game| {
            if idle {
                game.rest();
            }
            let in_memory = (!connected).then(|| now.plus(rules.token_ttl));
            let of_seats = game.next_deadline(now, rules.absent_after);
            let deadline = of_seats.into_iter().chain(in_memory).min().unwrap_or(Timestamp::from_millis(i64::MAX));
            Standing { used: if connected { Use::Connected } else { Use::Idle }, pinned, deadline }
        });
    }
}

impl Deed {
    /// The deed, of a game that was not in memory.
    fn that_was_loaded(self, source: Source) -> Self {
        match self {
            Deed::Join(mut join) => {
                join.source = source;
                Deed::Join(join)
            }
            Deed::Describe { reply, .. } => Deed::Describe { source, reply },
            other => other,
        }
    }

    /// The user it is about, where it is about one.
    fn user_id(&self) -> Option<&UserId> {
        match self {
            Deed::Join(join) => match &join.claim {
                Claim::Resume(token) => Some(&token.user_id),
                Claim::Access(claims) => Some(&claims.user_id),
            },
            Deed::TakeSeat { user_id, .. } | Deed::Acknowledge { by: Acknowledger::Backend { user_id, .. }, .. } => {
                Some(user_id)
            }
            Deed::Validate { token, .. } => Some(&token.user_id),
            Deed::Record(_)
            | Deed::Acknowledge { by: Acknowledger::Connection(_), .. }
            | Deed::CatchUp { .. }
            | Deed::ReadEvents { .. }
            | Deed::Describe { .. }
            | Deed::Configure { .. }
            | Deed::PutSummary { .. }
            | Deed::SetClock { .. }
            | Deed::Delete(_)
            | Deed::ReadSession { .. }
            | Deed::Heartbeat { .. } => None,
        }
    }

    /// How it looks for a seat, where it does.
    pub(super) fn looks_for(&self) -> Option<CacheOperation> {
        match self {
            Deed::Join(join) => match &join.claim {
                Claim::Resume(_) => Some(CacheOperation::SessionById),
                Claim::Access(_) => Some(CacheOperation::SessionByGameUser),
            },
            Deed::TakeSeat { .. } => Some(CacheOperation::SessionByGameUser),
            Deed::Validate { .. } | Deed::ReadSession { .. } | Deed::Heartbeat { .. } => {
                Some(CacheOperation::SessionById)
            }
            Deed::Record(_)
            | Deed::Acknowledge { .. }
            | Deed::CatchUp { .. }
            | Deed::ReadEvents { .. }
            | Deed::Describe { .. }
            | Deed::Configure { .. }
            | Deed::PutSummary { .. }
            | Deed::SetClock { .. }
            | Deed::Delete(_) => None,
        }
    }
}
