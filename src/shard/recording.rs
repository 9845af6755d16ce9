//! How events are recorded: they wait for their turn, are decided on together, written as one, and only then seen.
//!
//! One write of a game is under way at a time. What comes meanwhile goes into the next: a busy game's batch grows by
//! itself, and what an outcome concerns is always just the batch in flight.

use std::sync::Arc;

use super::{
    Busy, ConnectionId, Delivery, ShardError,
    core::{Completion, Core},
    journal::{Submission, Written},
    messages::{Author, Recorded, Request},
    room::{Drafted, Flight, Room, Turn},
};
use crate::{
    domain::{Draft, Event, Farewell, GameId, Rejection, Role, Sequence, Verdict},
    store::{Append, Outcome, StoreError, Write},
};

/// Turns that may wait in one game.
const MAX_TURNS: usize = 1_024;
/// How often in a row a write is tried anew because the store knows better. Other nodes cause a few; a game whose row
/// contradicts itself would cause no end of them.
const MAX_STALE: u32 = 16;
/// Events after which a flight is full.
const FLIGHT_EVENTS: usize = 256;

impl Core {
    pub(super) fn record(&mut self, game_id: &GameId, mut request: Request) {
        if let Author::Connection(connection) = &request.by {
            let Some(member) = self.rooms.get(game_id).and_then(|room| room.members.get(connection)) else { return };
            if member.role == Role::Spectator {
                return self.refuse_record(game_id, request, ShardError::Rejected(Rejection::Spectator));
            }
            for event in &mut request.events {
                event.user_id = Some(member.user_id.clone());
            }
        }
        self.queue(game_id, Turn::Record(request));
    }

    /// Lets something wait for its turn to be written.
    pub(super) fn queue(&mut self, game_id: &GameId, turn: Turn) {
        let room = self.rooms.entry(game_id.clone()).or_default();
        if room.turns.len() >= MAX_TURNS {
            self.metrics.refused(Busy::Journal);
            return self.refuse_turn(game_id, turn, ShardError::Busy(Busy::Journal));
        }
        room.turns.push_back(turn);
        self.waiting += 1;
    }

    pub(super) fn requeue(&mut self, game_id: &GameId, turn: Turn) {
        self.rooms.entry(game_id.clone()).or_default().turns.push_front(turn);
        self.waiting += 1;
    }

    /// Has the next turns written, unless a write of the game is under way.
    pub(super) fn take_turns(&mut self, game_id: &GameId) {
        while let Some(room) = self.rooms.get_mut(game_id)
            && room.in_flight.is_none()
            && room.loading.is_none()
            && let Some(turn) = room.turns.pop_front()
        {
            self.waiting -= 1;
            let in_memory = self.residents.peek(game_id).is_some();
            match turn {
                turn if turn.is_abandoned() => {}
                Turn::Create { spec, reply } if !in_memory => self.create(game_id, spec, reply),
                turn if !in_memory => {
                    self.requeue(game_id, turn);
                    return self.load(game_id);
                }
                Turn::Record(request) => self.draft(game_id, Some(request)),
                Turn::Clock(turn) => self.take_clock_turn(game_id, turn),
                // Another node was faster.
                Turn::Create { spec, reply: Some(reply) } => self.govern(game_id, Turn::Change { spec, reply }),
                Turn::Create { reply: None, .. } => {}
                turn @ (Turn::Recall(..)
                | Turn::Change { .. }
                | Turn::Sit { .. }
                | Turn::Summarize { .. }
                | Turn::Delete(_)) => {
                    self.govern(game_id, turn);
                }
            }
        }
    }

    /// Decides on a request and on those right behind it, and submits what is fit to be recorded, a flag that is due
    /// before all.
    pub(super) fn draft(&mut self, game_id: &GameId, first: Option<Request>) {
        let now = self.clock.now();
        let (Some(game), Some(room)) = (self.residents.get_mut(game_id), self.rooms.get_mut(game_id)) else { return };
        let originals = std::mem::take(&mut room.originals);
        let mut draft = Draft::of(game, now);
        let (epoch, head) = (game.epoch, draft.expected_head());
        let recorded = |event: Arc<Event>| Recorded { epoch, repeated: event.sequence <= head, event };

        let (mut requests, mut answered, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = first;
        while let Some(request) = next.take() {
            match draft.consider(game, &originals, &request.events, now) {
                Verdict::Record(events) => {
                    let answers = events.into_iter().map(recorded).collect();
                    requests.push(Drafted { request, answers });
                }
                Verdict::Repeat(events) => answered.push((request.by, events.into_iter().map(recorded).collect())),
                Verdict::AfterThis => {
                    room.turns.push_front(Turn::Record(request));
                    self.waiting += 1;
                    break;
                }
                Verdict::Refused(rejection) if !request.recalled && game.may_have_forgotten(&request.events) => {
                    room.turns.push_front(Turn::Recall(request, rejection));
                    self.waiting += 1;
                    break;
                }
                Verdict::Refused(rejection) => refused.push((request, rejection)),
            }
            if draft.events().len() < FLIGHT_EVENTS
                && let Some(Turn::Record(request)) = room.turns.pop_front_if(|turn| turn.is_record())
            {
                self.waiting -= 1;
                next = Some(request);
            }
        }

        let events = draft.events().to_vec();
        if !events.is_empty() {
            let clock = draft.clock().cloned().map(Box::new);
            let append = Append {
                game_id: game_id.clone(),
                epoch,
                expected_head: head,
                expected_clock: draft.expected_clock(),
                events: events.clone(),
                clock: clock.clone(),
            };
            let flight = Flight::Record { requests, events, clock };
            self.submit(game_id, Write::Append(append), flight);
        }
        answered.into_iter().for_each(|(by, answers)| self.answer_repeat(game_id, by, answers));
        for (request, rejection) in refused {
            self.refuse_record(game_id, request, ShardError::Rejected(rejection));
        }
    }

    /// Submits a write of a game that has none under way.
    pub(super) fn submit(&mut self, game_id: &GameId, write: Write, flight: Flight) {
        let (postbox, id) = (Arc::clone(&self.postbox), game_id.clone());
        let then = Box::new(move |written| postbox(Completion::Written { game_id: id, written }));
        match self.journal.submit(Submission { write, then }) {
            Ok(()) => self.rooms.entry(game_id.clone()).or_default().in_flight = Some(flight),
            Err((busy, _)) => {
                self.metrics.refused(busy);
                self.refuse_flight(game_id, flight, ShardError::Busy(busy));
            }
        }
    }

    /// Goes on after a write.
    pub(super) fn written(&mut self, game_id: &GameId, written: Written) {
        let Some(flight) = self.rooms.get_mut(game_id).and_then(|room| room.in_flight.take()) else { return };
        match written {
            Ok(Outcome::Done) => {
                self.rooms.entry(game_id.clone()).or_default().stale = 0;
                self.landed(game_id, flight);
            }
            Ok(Outcome::Stale) => {
                let stale = &mut self.rooms.entry(game_id.clone()).or_default().stale;
                *stale += 1;
                if *stale <= MAX_STALE {
                    self.turn_back(game_id, flight);
                } else {
                    *stale = 0;
                    self.refuse_flight(game_id, flight, ShardError::Unavailable);
                }
                self.reload(game_id);
            }
            Ok(Outcome::Repeated(originals)) => {
                self.turn_back(game_id, flight);
                let originals = originals.into_iter().map(|(_, original)| original);
                self.rooms.entry(game_id.clone()).or_default().originals = originals.collect();
            }
            Err(error @ StoreError::Unavailable(_)) => self.refuse_flight(game_id, flight, error.into()),
            Err(error @ StoreError::Unknown(_)) => {
                self.refuse_flight(game_id, flight, error.into());
                self.reload(game_id);
            }
        }
        if let Some(room) = self.rooms.get_mut(game_id)
            && std::mem::take(&mut room.is_outdated)
        {
            self.reload(game_id);
        }
        self.take_turns(game_id);
        self.settle(game_id);
    }

    fn landed(&mut self, game_id: &GameId, flight: Flight) {
        match flight {
            Flight::Record { requests, events, clock } => {
                self.metrics.recorded(&events);
                self.show(game_id, &events);
                if let (Some(clock), Some(game)) = (clock, self.residents.get_mut(game_id)) {
                    game.keep_clock(*clock);
                }
                self.flags_fell(game_id, &events);
                for Drafted { request, answers } in requests {
                    self.metrics.event_seconds.observe(request.received.elapsed().as_secs_f64());
                    match request.by {
                        // Whoever asked may be gone.
                        Author::Backend(reply) => drop(reply.send(Ok(answers))),
                        // Its own copy of the event confirms it.
                        Author::Connection(_) => {}
                    }
                }
            }
            Flight::Other { turn, made } => self.governed(game_id, turn, made),
        }
    }

    fn flags_fell(&self, game_id: &GameId, events: &[Arc<Event>]) {
        for event in events.iter().filter(|event| event.event_type.is_flag_fall()) {
            self.metrics.flag_falls.inc();
            tracing::info!(
                context = "ShardActor", gameId = %game_id, sequence = event.sequence.number(),
                at = event.created_at.as_millis(), "Flag fell"
            );
        }
    }

    /// Takes committed events into the tail and hands each to everyone, as one frame written once.
    fn show(&mut self, game_id: &GameId, events: &[Arc<Event>]) {
        for event in events {
            let (Some(game), Some(room)) = (self.residents.get_mut(game_id), self.rooms.get_mut(game_id)) else {
                return;
            };
            // A load may have brought it already, and handed it over.
            if event.sequence != game.head().next() {
                continue;
            }
            // Rules that were changed reach a game with its next event: all at once, they would hold the shard up.
            game.keep_recent(self.rules.retention);
            game.commit(Arc::clone(event));
            if !room.members.values().any(|member| member.live) {
                continue;
            }
            let frame = self.frames.event(game_id, event);
            let mut slow = Vec::new();
            for (connection, member) in room.members.iter_mut().filter(|(_, member)| member.live) {
                member.delivered = event.sequence;
                if member.outlet.deliver(Delivery::Shared(frame.clone())).is_err() {
                    slow.push(*connection);
                }
            }
            for connection in slow {
                self.metrics.slow();
                self.dismiss(game_id, connection, Farewell::SlowConsumer);
            }
        }
    }

    /// Puts what was in flight back in front of what waits, in its order.
    fn turn_back(&mut self, game_id: &GameId, flight: Flight) {
        match flight {
            Flight::Record { requests, .. } => {
                for drafted in requests.into_iter().rev() {
                    self.requeue(game_id, Turn::Record(drafted.request));
                }
            }
            Flight::Other { turn: Turn::Recall(request, _), .. } => {
                self.requeue(game_id, Turn::Record(Request { recalled: true, ..request }));
            }
            Flight::Other { turn, .. } => self.requeue(game_id, turn),
        }
    }

    fn refuse_flight(&mut self, game_id: &GameId, flight: Flight, error: ShardError) {
        match flight {
            Flight::Record { requests, clock, .. } => {
                if clock.is_some() {
                    self.put_clock_off(game_id);
                }
                for drafted in requests {
                    self.refuse_record(game_id, drafted.request, error);
                }
            }
            Flight::Other { turn, .. } => self.refuse_turn(game_id, turn, error),
        }
    }

    pub(super) fn refuse_record(&mut self, game_id: &GameId, request: Request, error: ShardError) {
        match request.by {
            // Whoever asked may be gone.
            Author::Backend(reply) => drop(reply.send(Err(error))),
            Author::Connection(connection) => {
                let client_ref = request.events.first().and_then(|event| event.client_ref.clone());
                self.refuse_message(game_id, connection, client_ref, error);
            }
        }
    }

    /// Answers a repeat with the original, to its sender alone.
    fn answer_repeat(&mut self, game_id: &GameId, by: Author, answers: Vec<Recorded>) {
        match by {
            Author::Backend(reply) => drop(reply.send(Ok(answers))),
            Author::Connection(connection) => {
                for answer in answers {
                    let seen =
                        self.rooms.get(game_id).and_then(|room| room.has_seen(connection, answer.event.sequence));
                    // What it has not seen yet is on its way to it, in order.
                    if seen == Some(true) {
                        let frame = self.frames.event(game_id, &answer.event);
                        self.deliver(game_id, connection, Delivery::Shared(frame));
                    }
                }
            }
        }
    }
}

impl Room {
    fn has_seen(&self, connection: ConnectionId, sequence: Sequence) -> Option<bool> {
        self.members.get(&connection).map(|member| member.delivered >= sequence)
    }
}

impl Turn {
    fn is_record(&self) -> bool {
        match self {
            Turn::Record(_) => true,
            Turn::Recall(..)
            | Turn::Clock(_)
            | Turn::Create { .. }
            | Turn::Change { .. }
            | Turn::Sit { .. }
            | Turn::Summarize { .. }
            | Turn::Delete(_) => false,
        }
    }
}
