//! What becomes of a game here when another node has changed it.
//!
//! A game that is behind the durable store is loaded afresh, and its connections get what they missed; one that nobody
//! needs at the moment is dropped.

use super::{
    core::Core,
    messages::{Acknowledger, Claim, Deed},
    room::Flight,
};
use crate::{
    domain::{Farewell, Game, GameId, Generation, Position, ResumeToken, SessionId, Timestamp},
    store::{Change, Stand},
};

impl Core {
    pub(super) fn changed_elsewhere(&mut self, change: Change) {
        match change {
            Change::Recorded { game_id, epoch, head } => {
                let is_known = |game: &Game| game.epoch == epoch && game.head() >= head;
                if !self.residents.peek(&game_id).is_some_and(is_known) {
                    self.outdated(&game_id);
                }
            }
            Change::Altered(game_id) | Change::Removed(game_id) => self.outdated(&game_id),
            Change::Revoked(revoked) => self.revoked(revoked),
            Change::TakenOver { game_id, session_id, generation } => self.taken_over(&game_id, session_id, generation),
        }
    }

    /// Holds a game against where it stands in the durable store.
    pub(super) fn compare(&mut self, game_id: &GameId, stand: Option<Stand>) {
        let Some(game) = self.residents.peek(game_id) else {
            // Evicted, or its load has failed: its connections are here all the same.
            if self.rooms.get(game_id).is_some_and(|room| room.misses_any(stand.as_ref())) {
                self.load(game_id);
            }
            return;
        };
        let flight = self.rooms.get(game_id).and_then(|room| room.in_flight.as_ref());
        let is_behind = match (stand, flight) {
            (None, _) => true,
            (Some(stand), _) if stand.epoch != game.epoch => true,
            (Some(stand), None) => {
                stand.head > game.head()
                    || stand.seats_version > game.seats_version
                    || stand.clock_version > game.clock_version()
            }
            // What is being written may be what the store is ahead by. Of events, it will tell by itself.
            (Some(stand), Some(Flight::Record { .. })) => stand.seats_version > game.seats_version,
            (Some(_), Some(Flight::Other { .. })) => false,
        };
        if is_behind {
            self.outdated(game_id);
        }
    }

    /// Whether memory alone would refuse what another node may have made right: it may have let the user in, given the
    /// seat out, kept the session alive, or recorded what is spoken of. The durable store has the last word then.
    pub(super) fn is_to_be_asked_elsewhere(&self, game_id: &GameId, deed: &Deed) -> bool {
        if !self.bus.has_neighbours() {
            return false;
        }
        let Some(game) = self.residents.peek(game_id) else { return false };
        let now = self.clock.now();
        match deed {
            Deed::Join(join) => {
                let is_unknown = match &join.claim {
                    Claim::Resume(token) => lacks(game, token, now),
                    Claim::Access(claims) => claims.role_in(game, join.asked, self.rules.open_games).is_none(),
                };
                let is_ahead = |said: Position| said.epoch == Some(game.epoch) && said.after > game.head();
                is_unknown || join.said.is_some_and(is_ahead)
            }
            Deed::Validate { token, .. } => lacks(game, token, now),
            Deed::ReadSession { session_id, .. } | Deed::Heartbeat { session_id, .. } => {
                game.seat_of_session(*session_id).is_none_or(|seat| seat.has_expired(now))
            }
            Deed::Acknowledge { sequence, by: Acknowledger::Backend { .. } } => *sequence > game.head(),
            // A connection has its game compared every few seconds.
            Deed::Acknowledge { by: Acknowledger::Connection(_), .. }
            | Deed::Record(_)
            | Deed::CatchUp { .. }
            | Deed::ReadEvents { .. }
            | Deed::Describe { .. }
            | Deed::Configure { .. }
            | Deed::PutSummary { .. }
            | Deed::SetClock { .. }
            | Deed::Delete(_)
            | Deed::TakeSeat { .. } => false,
        }
    }

    /// Games that have connections.
    pub(super) fn live_games(&self) -> impl Iterator<Item = &GameId> {
        let live = self.rooms.iter().filter(|(_, room)| !room.members.is_empty());
        live.map(|(game_id, _)| game_id)
    }

    /// What is in memory of a game is not to be gone on with.
    pub(super) fn outdated(&mut self, game_id: &GameId) {
        match self.rooms.get_mut(game_id) {
            // Its outcome concerns what is in memory: the load has to wait for it.
            Some(room) if room.in_flight.is_some() => room.is_outdated = true,
            Some(_) => self.reload(game_id),
            None => self.flush(game_id),
        }
    }

    /// A session went on at another node: its connection here is over.
    fn taken_over(&mut self, game_id: &GameId, session_id: SessionId, generation: Generation) {
        let Some(room) = self.rooms.get(game_id) else { return };
        let older = |(id, held): (SessionId, Generation)| id == session_id && held < generation;
        let members = room.members.iter().filter(|(_, member)| member.session.is_some_and(older));
        let connections: Vec<_> = members.map(|(connection, _)| *connection).collect();
        connections.into_iter().for_each(|connection| self.dismiss(game_id, connection, Farewell::TakenOver));
        self.settle(game_id);
    }

    /// Ends connections that have no place in a game as it was loaded: of another life of it, or of a session that is no
    /// more.
    pub(super) fn dismiss_displaced(&mut self, game_id: &GameId) {
        let (Some(room), Some(game)) = (self.rooms.get(game_id), self.residents.peek(game_id)) else { return };
        let mut displaced = Vec::new();
        for (connection, member) in &room.members {
            if member.epoch != game.epoch {
                displaced.push((*connection, Farewell::GameEnded));
                continue;
            }
            let Some((session_id, _)) = member.session else { continue };
            let seat = game.live_seat(&member.user_id).filter(|seat| seat.session_id == session_id);
            if seat.is_none() {
                displaced.push((*connection, Farewell::SessionRevoked));
            }
        }
        displaced.into_iter().for_each(|(connection, why)| self.dismiss(game_id, connection, why));
    }
}

/// Whether a token's seat is not there, or its time is over. What was revoked or replaced by a newer token stays so.
fn lacks(game: &Game, token: &ResumeToken, now: Timestamp) -> bool {
    match game.seat(&token.user_id) {
        Some(seat) if seat.session_id == token.session_id => seat.revoked_at.is_none() && seat.has_expired(now),
        Some(_) | None => true,
    }
}
