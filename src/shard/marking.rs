//! How far users have seen: acknowledgements, the floor they allow, and signs of life.
//!
//! All of it counts in memory at once and reaches the store in batches, seats soon and floors when there is more to
//! remove. What is lost in a crash between is said again: an acknowledgement lost costs a replay of events that the client
//! knows how to pass over.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Delivery, ShardError,
    core::{Completion, Core},
    journal::{Submission, Written},
    messages::{AckView, Acknowledger},
};
use crate::{
    domain::{Acknowledged, GameId, Rejection, Role, Sequence, SessionId, Timestamp, UserId},
    store::{CacheOperation, CacheTier, Floor, SeatMark, StoreError, Write},
};

/// How long an acknowledgement may wait for others before it is written. The contract allows a second.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// How long events that are let go of may wait for others of their game: to remove ten takes little longer than one. With
/// the flush and the write after it they stay below the second at which people on call are told.
const PRUNE_AFTER: Duration = Duration::from_millis(500);
/// Seats of one write, so that a great flush holds nobody up.
const WRITE_SEATS: usize = 256;
/// Floors of one write.
const WRITE_FLOORS: usize = 8;

/// What a shard has yet to write about how far users have seen.
pub struct Marking {
    /// Games with something to write.
    pub due: HashSet<GameId>,
    /// Marks that need no game in memory.
    pub loose: Vec<SeatMark>,
    flushed_at: Timestamp,
    swept_at: Timestamp,
}

/// What a write of marks was about.
#[derive(Debug, Default)]
pub struct Marked {
    seats: Vec<MarkedSeats>,
    floors: Vec<MarkedFloor>,
    loose: Vec<SeatMark>,
}

/// The seats of one game.
#[derive(Debug)]
struct MarkedSeats {
    game_id: GameId,
    users: Vec<UserId>,
    marks: Vec<SeatMark>,
}

#[derive(Debug)]
struct MarkedFloor {
    floor: Floor,
    pruned_since: Option<Timestamp>,
}

impl Marking {
    pub fn new(now: Timestamp) -> Self {
        Self { due: HashSet::new(), loose: Vec::new(), flushed_at: now, swept_at: now }
    }
}

impl Core {
    pub(super) fn acknowledge(&mut self, game_id: &GameId, sequence: Sequence, by: Acknowledger) {
        let user_id = match &by {
            Acknowledger::Backend { user_id, .. } => user_id.clone(),
            Acknowledger::Connection(connection) => {
                let member = self.rooms.get(game_id).and_then(|room| room.members.get(connection));
                let Some(member) = member else { return };
                if member.role == Role::Spectator {
                    let error = ShardError::Rejected(Rejection::Spectator);
                    return self.refuse_message(game_id, *connection, None, error);
                }
                member.user_id.clone()
            }
        };
        let now = self.clock.now();
        let outcome = self.keep_acknowledgement(game_id, &user_id, sequence);
        if outcome == Ok(Acknowledged::Kept) {
            self.mark_seat(game_id, &user_id);
            self.prune(game_id, now);
        }
        match by {
            Acknowledger::Connection(connection) => match outcome {
                Ok(Acknowledged::Kept) => {
                    let backlog = self.residents.peek(game_id).map_or(0, |game| game.backlog(sequence));
                    self.deliver(game_id, connection, Delivery::Acknowledged { sequence, backlog });
                }
                Ok(Acknowledged::Already) => {
                    tracing::info!(
                        context = "WebSocketServer", gameId = %game_id, userId = %user_id, sequence = sequence.number(),
                        "Ignoring out-of-order ACK"
                    );
                }
                Err(error) => self.refuse_message(game_id, connection, None, error),
            },
            // Whoever asked may be gone.
            Acknowledger::Backend { reply, .. } => {
                let _ = reply.send(outcome.and_then(|_| self.ack_view(game_id, &user_id).ok_or(ShardError::NoSession)));
            }
        }
    }

    fn keep_acknowledgement(
        &mut self,
        game_id: &GameId,
        user_id: &UserId,
        sequence: Sequence,
    ) -> Result<Acknowledged, ShardError> {
        let game = self.residents.get_mut(game_id).ok_or(ShardError::NoGame)?;
        game.live_seat(user_id).ok_or(ShardError::NoSession)?;
        Ok(game.acknowledge(user_id, sequence)?)
    }

    fn ack_view(&self, game_id: &GameId, user_id: &UserId) -> Option<AckView> {
        let game = self.residents.peek(game_id)?;
        let sequence = game.seat(user_id)?.last_ack;
        Some(AckView { sequence, backlog: game.backlog(sequence), floor: game.floor })
    }

    /// Prunes a game through the lowest acknowledgement that counts.
    pub(super) fn prune(&mut self, game_id: &GameId, now: Timestamp) {
        let Some(game) = self.residents.get_mut(game_id) else { return };
        let due = game.due_floor(now, self.rules.absent_after);
        if due <= game.floor {
            return;
        }
        game.prune(due);
        self.metrics.registry.hit(CacheOperation::ReplayPrune, CacheTier::Memory, 1);
        let floor = Floor::of(game);
        let marks = &mut self.rooms.entry(game_id.clone()).or_default().marks;
        marks.floor = Some(floor);
        marks.pruned_since.get_or_insert(now);
        self.marking.due.insert(game_id.clone());
    }

    /// Writes what is due, and now and then what connections have shown of life.
    pub(super) fn flush_marks(&mut self, now: Timestamp) {
        if now.since(self.marking.swept_at) * 5 >= self.rules.heartbeat_flush * 4 {
            self.marking.swept_at = now;
            self.sweep_signs_of_life();
        }
        if now.since(self.marking.flushed_at) >= FLUSH_EVERY {
            self.marking.flushed_at = now;
            self.submit_marks(now.minus(PRUNE_AFTER));
        }
    }

    /// Writes all that is due, and the floors of games that have let go of events since `pruned_by` or before.
    pub(super) fn submit_marks(&mut self, pruned_by: Timestamp) {
        let (mut seats, mut floors) = (Vec::new(), Vec::new());
        for game_id in std::mem::take(&mut self.marking.due) {
            let Some(room) = self.rooms.get_mut(&game_id) else { continue };
            let (game, marks) = (self.residents.peek(&game_id), &mut room.marks);
            if let Some(game) = game
                && !marks.seats.is_empty()
                && !marks.seats_in_flight
            {
                marks.seats_in_flight = true;
                let users: Vec<UserId> = std::mem::take(&mut marks.seats).into_iter().collect();
                let marks = users.iter().filter_map(|user_id| game.seat(user_id));
                let marks = marks.map(|seat| SeatMark::of(&game_id, seat)).collect();
                seats.push(MarkedSeats { game_id: game_id.clone(), users, marks });
            }
            if !marks.floor_in_flight
                && marks.pruned_since.is_none_or(|since| since <= pruned_by)
                && let Some(floor) = marks.floor.take()
            {
                marks.floor_in_flight = true;
                // Somebody may have sat down since.
                let floor = game.map_or(floor, Floor::of);
                floors.push(MarkedFloor { floor, pruned_since: marks.pruned_since.take() });
            }
            if marks.floor.is_some() || !marks.seats.is_empty() {
                self.marking.due.insert(game_id);
            }
        }
        for loose in parts(std::mem::take(&mut self.marking.loose), |_| 1, WRITE_SEATS) {
            self.submit_marked(Marked { loose, ..Marked::default() });
        }
        for seats in parts(seats, |seats| seats.marks.len(), WRITE_SEATS) {
            self.submit_marked(Marked { seats, ..Marked::default() });
        }
        for floors in parts(floors, |_| 1, WRITE_FLOORS) {
            self.submit_marked(Marked { floors, ..Marked::default() });
        }
    }

    fn submit_marked(&mut self, marked: Marked) {
        let seats = marked.seats.iter().flat_map(|seats| &seats.marks).chain(&marked.loose).cloned().collect();
        let floors = marked.floors.iter().map(|marked| marked.floor.clone()).collect();
        let postbox = Arc::clone(&self.postbox);
        let then = Box::new(move |written| postbox(Completion::Marked { marked, written }));
        let write = Write::Marks { seats, floors, clocks: Vec::new() };
        if let Err((busy, submission)) = self.journal.submit(Submission { write, then }) {
            // As if it had been tried: what it was about is due again.
            self.metrics.refused(busy);
            (submission.then)(Err(StoreError::Unavailable(busy.to_string())));
        }
    }

    /// Goes on after a write of marks; what was not written is due again.
    pub(super) fn marked(&mut self, marked: Marked, written: &Written) {
        let now = self.clock.now();
        let done = written.is_ok();
        if !done {
            self.marking.loose.extend(marked.loose);
        }
        for MarkedSeats { game_id, users, .. } in marked.seats {
            let Some(room) = self.rooms.get_mut(&game_id) else { continue };
            room.marks.seats_in_flight = false;
            if !done {
                room.marks.seats.extend(users);
                self.marking.due.insert(game_id.clone());
            }
            self.settle(&game_id);
        }
        for MarkedFloor { floor, pruned_since } in marked.floors {
            let game_id = floor.game_id.clone();
            let Some(room) = self.rooms.get_mut(&game_id) else { continue };
            room.marks.floor_in_flight = false;
            if !done {
                room.marks.floor.get_or_insert(floor);
                room.marks.pruned_since = pruned_since.or(room.marks.pruned_since);
                self.marking.due.insert(game_id.clone());
            } else if let Some(since) = pruned_since {
                self.metrics.prune_lag.observe(now.since(since).as_secs_f64());
            }
            self.settle(&game_id);
        }
    }

    /// Takes up when each connected player was last heard of.
    fn sweep_signs_of_life(&mut self) {
        let ttl = self.rules.token_ttl;
        // One mark a session, however its connections have changed meanwhile.
        let mut newest: BTreeMap<SessionId, SeatMark> = BTreeMap::new();
        for (game_id, room) in &self.rooms {
            for member in room.members.values() {
                let Some((session_id, _)) = member.session else { continue };
                let seen = member.outlet.last_seen();
                newest.insert(session_id, SeatMark::sign_of_life(session_id, seen, ttl));
                // Not a use of the game: an idle one is evicted all the same.
                if let Some(seat) = self.residents.peek_mut(game_id).and_then(|game| game.seat_mut(&member.user_id)) {
                    seat.see(seen, ttl);
                }
            }
        }
        self.marking.loose.extend(newest.into_values());
    }
}

/// In parts of so many rows, or of one item that has more.
fn parts<T>(items: Vec<T>, rows: impl Fn(&T) -> usize, most: usize) -> Vec<Vec<T>> {
    let (mut parts, mut left) = (Vec::new(), 0);
    for item in items {
        let of_item = rows(&item);
        match parts.last_mut() {
            Some(part) if of_item <= left => {
                left -= of_item;
                Vec::push(part, item);
            }
            Some(_) | None => {
                left = most.saturating_sub(of_item);
                parts.push(vec![item]);
            }
        }
    }
    parts
}
