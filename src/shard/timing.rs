//! How clocks are kept: flags fall, absent players' clocks stop, backends start and stop them, everyone is told.
//!
//! The rules are the game's (`domain::game_clock`, `domain::clock_task`). What changes a clock without an event waits for
//! its turn like everything that is written, and is guarded by the clock's version: so nodes cannot undo each other.

use std::{sync::Arc, time::Duration};

use super::{
    Delivery, ShardError,
    core::{Completion, Core},
    journal::Submission,
    marking::Marked,
    room::{ClockTurn, Flight, Made, Turn},
    watch::Watched,
};
use crate::{
    domain::{ClockTask, Game, GameClock, GameId, OnDisconnect, Rejection, Timestamp},
    store::{ClockChange, Served, Write},
};

/// How long nothing is tried about a clock after a write of it failed.
const RETRY: Duration = Duration::from_millis(250);
/// What was tried and is still due is tried again after that.
const AT_ONCE: Duration = Duration::from_millis(1);
/// How often it is written that running clocks are served, where only then their time counts.
const VOUCH_EVERY: Duration = Duration::from_secs(1);
/// For how long after it was written last some node may still serve a game.
const LEASE: Duration = Duration::from_secs(2);
/// Clocks vouched for in one write.
const CLOCKS_A_WRITE: usize = 256;
/// Games watched of which nothing is in memory. Beyond them, a flag falls when its game is next loaded.
const MAX_WATCHED_UNSEEN: usize = 65_536;

impl Core {
    /// When a clock is next to be looked at.
    pub fn next_wake(&mut self) -> Option<Timestamp> {
        self.watch.next()
    }

    /// Looks at the clocks whose time has come.
    pub fn wake(&mut self) {
        let now = self.clock.now();
        let due: Vec<GameId> = std::iter::from_fn(|| self.watch.pop_due(now)).collect();
        for game_id in due {
            if self.residents.peek(&game_id).is_some() {
                self.settle(&game_id);
            } else {
                // Should that fail, it is tried again.
                self.watch.wake_at(&game_id, now.plus(RETRY));
                self.load(&game_id);
            }
        }
    }

    /// Does what is due about a game's clocks, tells who is there, and notes when to look again. Ends every turn in a game.
    pub(super) fn keep_time(&mut self, game_id: &GameId) {
        let Some((task_at, watched)) = self.clock_task(game_id) else { return };
        let now = self.clock.now();
        if task_at.is_some_and(|at| at <= now) {
            // What comes of it must find the game watched.
            self.watch.put(game_id, watched, None);
            self.rooms.entry(game_id.clone()).or_default().timing.asked = true;
            self.requeue(game_id, Turn::Clock(ClockTurn::Due));
            self.take_turns(game_id);
        }
        let show_at = self.show_time(game_id, now);
        let Some((task_at, watched)) = self.clock_task(game_id) else { return };
        let Some(game) = self.residents.peek(game_id) else { return };
        let running = game.clock.as_ref().is_some_and(|clock| clock.running_since().is_some());
        let watches = running || game.clock_task().is_some();
        let wake = task_at.map(|at| at.max(now.plus(AT_ONCE))).into_iter().chain(show_at.filter(|_| running)).min();
        if watches {
            self.watch.put(game_id, watched, wake);
            self.bound_watch();
        } else {
            self.watch.forget(game_id);
        }
    }

    /// When the next task of a game's clocks may be done, unless it waits for its turn already.
    fn clock_task(&mut self, game_id: &GameId) -> Option<(Option<Timestamp>, Watched)> {
        // One that is out of memory is loaded when its time has come.
        let game = self.residents.peek(game_id)?;
        let Some(clock) = game.clock.as_deref() else {
            self.watch.forget(game_id);
            return None;
        };
        let is_asked = self.rooms.get(game_id).is_some_and(|room| room.timing.asked || room.changes_clock());
        let task = game.clock_task().filter(|_| !is_asked);
        let watched = Watched {
            epoch: game.epoch,
            clock_version: clock.version(),
            counts_served_time: clock.running_since().is_some()
                && clock.control().on_disconnect() == OnDisconnect::Pause,
        };
        Some((task.map(|(at, _)| at.max(self.watch.not_before(game_id))), watched))
    }

    /// Tells everyone in a game what its clocks show, where they have changed or it is time again. Returns when to tell
    /// them next, if somebody is there.
    fn show_time(&mut self, game_id: &GameId, now: Timestamp) -> Option<Timestamp> {
        let clock = self.residents.peek(game_id)?.clock.as_deref()?;
        let room = self.rooms.get_mut(game_id).filter(|room| !room.members.is_empty())?;
        let (version, running) = (clock.version(), clock.running_since().is_some());
        let told = room.timing.shown.filter(|(shown, next)| *shown == version && (!running || now < *next));
        if let Some((_, next)) = told {
            return Some(next);
        }
        let next = now.plus(self.rules.clock_broadcast);
        room.timing.shown = Some((version, next));
        let frame = self.frames.time(&clock.timer(now));
        let connections: Vec<_> = room.members.keys().copied().collect();
        for connection in connections {
            self.deliver(game_id, connection, Delivery::Shared(frame.clone()));
        }
        Some(next)
    }

    /// Notes that whoever is in a game has been shown its clocks as they are.
    pub(super) fn time_is_shown(&mut self, game_id: &GameId) {
        let next = self.clock.now().plus(self.rules.clock_broadcast);
        let Some(version) = self.residents.peek(game_id).map(Game::clock_version) else { return };
        if let Some(room) = self.rooms.get_mut(game_id) {
            room.timing.shown.get_or_insert((version, next));
        }
    }

    /// Brings forward when clocks are told of next, now that it is to be more often than every `before`: in proportion, so
    /// that not all games are told of at once.
    pub(super) fn hurry_clocks(&mut self, before: Duration) {
        let (now, after) = (self.clock.now(), self.rules.clock_broadcast);
        if after >= before {
            return;
        }
        let share = after.as_secs_f64() / before.as_secs_f64();
        let games: Vec<GameId> = self.watch.iter().map(|(game_id, _)| game_id.clone()).collect();
        for game_id in games {
            let Some(room) = self.rooms.get_mut(&game_id) else { continue };
            let Some((_, next)) = room.timing.shown.as_mut() else { continue };
            *next = now.plus(next.since(now).mul_f64(share));
            self.keep_time(&game_id);
        }
    }

    /// Makes good for the time that nobody served a game which was just loaded; unless its clock ran here all the time.
    pub(super) fn resume_service(&self, game: &mut Game, now: Timestamp) {
        let (epoch, clock_version) = (game.epoch, game.clock_version());
        let served = Watched { epoch, clock_version, counts_served_time: true };
        if let Some(clock) = game.clock.as_mut().filter(|_| self.watch.get(&game.id) != Some(served)) {
            clock.resume_service(LEASE, now);
        }
    }

    /// Takes a turn of the clocks. The game is in memory, and nothing of it is being written.
    pub(super) fn take_clock_turn(&mut self, game_id: &GameId, turn: ClockTurn) {
        let (now, not_before) = (self.clock.now(), self.watch.not_before(game_id));
        let task = self.residents.peek(game_id).and_then(Game::clock_task).filter(|(at, _)| *at <= now);
        match (turn, task) {
            (ClockTurn::Order { order, reply }, Some((_, ClockTask::Fall))) => {
                self.after_the_flag(game_id, Turn::Clock(ClockTurn::Order { order, reply }));
            }
            (ClockTurn::Order { order, reply }, _) => {
                let given = order.clone();
                let turn = ClockTurn::Order { order, reply };
                self.change_clock(game_id, turn, |clock| given.obey(clock, now));
            }
            // Another node may have the player by now: signs of life are in the store.
            (ClockTurn::Due, Some((_, ClockTask::Hold))) => {
                self.requeue(game_id, Turn::Clock(ClockTurn::StillDue));
                self.reload(game_id);
            }
            (ClockTurn::Due | ClockTurn::StillDue, task) => {
                self.no_longer_asked(game_id);
                match task.filter(|_| not_before <= now) {
                    None => {}
                    Some((_, ClockTask::Fall)) => self.draft(game_id, None),
                    Some((at, ClockTask::Hold)) => self.change_clock(game_id, ClockTurn::StillDue, |clock| {
                        clock.hold(at);
                        Ok(())
                    }),
                    Some((_, ClockTask::Release)) => {
                        self.change_clock(game_id, ClockTurn::Due, |clock| clock.run(now).map(drop));
                    }
                }
            }
        }
    }

    fn no_longer_asked(&mut self, game_id: &GameId) {
        if let Some(room) = self.rooms.get_mut(game_id) {
            room.timing.asked = false;
        }
    }

    /// Lets a turn go on after the flag that is due has fallen.
    pub(super) fn after_the_flag(&mut self, game_id: &GameId, turn: Turn) {
        self.draft(game_id, None);
        if self.rooms.get(game_id).is_some_and(|room| room.in_flight.is_some()) {
            self.requeue(game_id, turn);
        } else {
            self.refuse_turn(game_id, turn, ShardError::Unavailable);
        }
    }

    /// Has a game's clocks changed and written.
    fn change_clock(
        &mut self,
        game_id: &GameId,
        turn: ClockTurn,
        change: impl FnOnce(&mut GameClock) -> Result<(), Rejection>,
    ) {
        let Some(game) = self.residents.peek(game_id) else { return };
        let Some(mut clock) = game.clock.as_deref().cloned() else {
            return self.refuse_turn(game_id, Turn::Clock(turn), ShardError::NoClock);
        };
        let (epoch, expected_clock) = (game.epoch, clock.version());
        if let Err(rejection) = change(&mut clock) {
            return self.refuse_turn(game_id, Turn::Clock(turn), ShardError::Rejected(rejection));
        }
        if clock.version() == expected_clock {
            return self.clock_turn_done(game_id, turn);
        }
        let at = self.clock.now();
        let change = ClockChange { game_id: game_id.clone(), epoch, expected_clock, clock: clock.clone(), at };
        let flight = Flight::Other { turn: Turn::Clock(turn), made: Made::Clock(Box::new(clock)) };
        self.submit(game_id, Write::PutClock(Box::new(change)), flight);
    }

    /// Answers whoever wanted the clocks to be as they are now.
    pub(super) fn clock_turn_done(&mut self, game_id: &GameId, turn: ClockTurn) {
        match turn {
            ClockTurn::Due | ClockTurn::StillDue => {}
            ClockTurn::Order { reply, .. } => {
                let timer = self.residents.peek(game_id).and_then(|game| game.timer(self.clock.now()));
                // Whoever asked may be gone.
                let _ = reply.send(timer.ok_or(ShardError::NoGame));
            }
        }
    }

    pub(super) fn refuse_clock_turn(&mut self, game_id: &GameId, turn: ClockTurn, error: ShardError) {
        match turn {
            ClockTurn::Due | ClockTurn::StillDue => {
                self.no_longer_asked(game_id);
                self.put_clock_off(game_id);
            }
            // Whoever asked may be gone.
            ClockTurn::Order { reply, .. } => drop(reply.send(Err(error))),
        }
    }

    /// Leaves a game's clocks alone for a moment, because what was due could not be written.
    pub(super) fn put_clock_off(&mut self, game_id: &GameId) {
        self.watch.put_off(game_id, self.clock.now().plus(RETRY));
    }

    /// Has it written now and then which clocks are served here, where only then their time counts.
    pub(super) fn vouch(&mut self, now: Timestamp) {
        if now.since(self.vouched_at) < VOUCH_EVERY && self.vouched_at <= now {
            return;
        }
        self.vouched_at = now;
        let served = |(game_id, watched): (&GameId, &Watched)| Served {
            game_id: game_id.clone(),
            epoch: watched.epoch,
            clock_version: watched.clock_version,
            until: now,
        };
        let served: Vec<Served> =
            self.watch.iter().filter(|(_, watched)| watched.counts_served_time).map(served).collect();
        for clocks in served.chunks(CLOCKS_A_WRITE) {
            let write = Write::Marks { seats: Vec::new(), floors: Vec::new(), clocks: clocks.to_vec() };
            let postbox = Arc::clone(&self.postbox);
            let then = Box::new(move |written| postbox(Completion::Marked { marked: Marked::default(), written }));
            // What a full journal refuses is made good for by the next.
            if let Err((busy, _)) = self.journal.submit(Submission { write, then }) {
                self.metrics.refused(busy);
            }
        }
    }

    /// Gives up games that nobody is in and of which nothing is in memory, once there are too many.
    fn bound_watch(&mut self) {
        let (residents, rooms) = (&self.residents, &self.rooms);
        if self.watch.len() > residents.len() + rooms.len() + MAX_WATCHED_UNSEEN {
            self.watch.keep_only(|game_id| residents.peek(game_id).is_some() || rooms.contains_key(game_id));
        }
    }
}
