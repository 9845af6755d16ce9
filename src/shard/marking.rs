//! How far users have seen: acknowledgements, the floor they allow, and signs of life.
//!
//! All of it counts in memory at once and reaches the store in batches. What is lost in a crash between is said again:
//! an acknowledgement lost costs a replay of events that the client knows how to pass over.

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
/// Seats and floors of one write, so that a great flush holds nobody up: the next events of its games wait for it.
const MARKS_A_WRITE: usize = 96;

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
    games: Vec<MarkedGame>,
    loose: Vec<SeatMark>,
}

#[derive(Debug)]
struct MarkedGame {
    game_id: GameId,
    users: Vec<UserId>,
    seats: Vec<SeatMark>,
    floor: bool,
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
        let marks = &mut self.rooms.entry(game_id.clone()).or_default().marks;
        marks.floor = true;
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
            self.submit_marks();
        }
    }

    /// Writes all that is due, at once.
    pub(super) fn submit_marks(&mut self) {
        let mut loose = std::mem::take(&mut self.marking.loose);
        while !loose.is_empty() {
            let rest = loose.split_off(loose.len().min(MARKS_A_WRITE));
            self.submit_marked(Vec::new(), Marked { games: Vec::new(), loose: std::mem::replace(&mut loose, rest) });
        }
        let (mut floors, mut marked, mut rows) = (Vec::new(), Marked::default(), 0);
        for game_id in std::mem::take(&mut self.marking.due) {
            let Some(room) = self.rooms.get_mut(&game_id) else { continue };
            let Some(game) = self.residents.peek(&game_id) else { continue };
            if room.marks.in_flight {
                self.marking.due.insert(game_id);
                continue;
            }
            let users: Vec<UserId> = std::mem::take(&mut room.marks.seats).into_iter().collect();
            let seats: Vec<SeatMark> = users
                .iter()
                .filter_map(|user_id| game.seat(user_id))
                .map(|seat| SeatMark::of(&game_id, seat))
                .collect();
            let floor = std::mem::take(&mut room.marks.floor);
            if floor {
                let (epoch, seats_version) = (game.epoch, game.seats_version);
                floors.push(Floor { game_id: game_id.clone(), epoch, seats_version, floor: game.floor });
            }
            room.marks.in_flight = true;
            rows += seats.len() + 1;
            let pruned_since = room.marks.pruned_since.take();
            marked.games.push(MarkedGame { game_id, users, seats, floor, pruned_since });
            if rows >= MARKS_A_WRITE {
                self.submit_marked(std::mem::take(&mut floors), std::mem::take(&mut marked));
                rows = 0;
            }
        }
        if rows > 0 {
            self.submit_marked(floors, marked);
        }
    }

    fn submit_marked(&mut self, floors: Vec<Floor>, marked: Marked) {
        let seats = marked.games.iter().flat_map(|game| &game.seats).chain(&marked.loose).cloned().collect();
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
        for game in marked.games {
            let Some(room) = self.rooms.get_mut(&game.game_id) else { continue };
            room.marks.in_flight = false;
            if done {
                if let Some(since) = game.pruned_since {
                    self.metrics.prune_lag.observe(now.since(since).as_secs_f64());
                }
            } else {
                room.marks.seats.extend(game.users);
                room.marks.floor |= game.floor;
                room.marks.pruned_since = game.pruned_since.or(room.marks.pruned_since);
                self.marking.due.insert(game.game_id.clone());
            }
            self.settle(&game.game_id);
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
