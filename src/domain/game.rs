//! One game as it stands: who plays, how far it has come, what is retained, who has seen what.
//!
//! Every change here has been committed, or will be by the caller before anyone sees it.

use std::{sync::Arc, time::Duration};

use super::{
    Epoch, Event, GameClock, GameId, NewEvent, Payload, Position, Rejection, ReplayTail, Seat, Sequence, SessionId,
    Timestamp, UserId, event::ALLOCATION,
};

/// A snapshot of the game's state that its backend vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The state is the one after this event.
    pub sequence: Sequence,
    pub state: Payload,
}

/// One game.
#[derive(Debug, Clone)]
pub struct Game {
    pub id: GameId,
    pub epoch: Epoch,
    /// Highest sequence pruned: events at or below it are gone.
    pub floor: Sequence,
    /// The named players, in the order of their turns. Empty where the game names none.
    pub players: Vec<UserId>,
    /// Whether anyone may join; `None` leaves it to the house's rule.
    pub open: Option<bool>,
    pub metadata: Option<Payload>,
    pub summary: Option<Summary>,
    /// The players' clocks, where the game has a time control.
    pub clock: Option<Box<GameClock>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts the changes of who has a seat, so that a floor worked out before one is never applied after it.
    pub seats_version: u64,
    /// In the order of their users' names.
    seats: Vec<Seat>,
    tail: ReplayTail,
}

/// Where a client's replay starts, and what it can count on.
#[derive(Debug, Clone, PartialEq)]
pub struct CatchUp {
    /// The replay starts after this one.
    pub from: Sequence,
    /// Why not every event after the client's position will be delivered, where that is so.
    pub gap: Option<Gap>,
    /// The state at `from` or before it, for a client that cannot get there by events.
    pub summary: Option<Summary>,
}

/// Why a client's position cannot be gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The position is one of another life of the game.
    OtherEpoch,
    /// The position is above the head.
    AboveHead(Sequence),
    /// Events after the position were pruned.
    BelowFloor(Sequence),
}

/// What an acknowledgement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// Not above the one before: nothing to do, nothing to answer.
    Already,
    /// Kept.
    Kept,
}

impl Game {
    /// Sets up a game that nothing has happened in.
    #[must_use]
    pub fn new(id: GameId, now: Timestamp, retention: usize) -> Self {
        Self {
            id,
            epoch: Epoch::generate(),
            floor: Sequence::ZERO,
            players: Vec::new(),
            open: None,
            metadata: None,
            summary: None,
            clock: None,
            created_at: now,
            updated_at: now,
            seats_version: 0,
            seats: Vec::new(),
            tail: ReplayTail::new(Sequence::ZERO, retention),
        }
    }

    /// Puts a game together from what a store kept.
    #[must_use]
    pub fn with_history(mut self, tail: ReplayTail, mut seats: Vec<Seat>) -> Self {
        seats.sort_unstable_by(|a, b| a.user_id.cmp(&b.user_id));
        self.seats = seats;
        self.tail = tail;
        self
    }

    /// The game with another window on the same log: `tail` ends at its head.
    #[must_use]
    pub fn with_tail(self, tail: ReplayTail) -> Self {
        Self { tail, ..self }
    }

    /// Highest recorded sequence.
    #[must_use]
    pub fn head(&self) -> Sequence {
        self.tail.end()
    }

    /// The recent events.
    #[must_use]
    pub fn tail(&self) -> &ReplayTail {
        &self.tail
    }

    /// Keeps at most `count` recent events in memory from now on.
    pub fn keep_recent(&mut self, count: usize) {
        self.tail.hold(count);
    }

    /// Forgets the oldest recent events until at most `len` are left in memory.
    pub fn shorten_tail(&mut self, len: usize) {
        self.tail.shorten_to(len);
    }

    /// Takes as little memory as can be, until somebody comes back: see [`ReplayTail::rest`].
    pub fn rest(&mut self) {
        self.tail.rest();
    }

    /// Every seat, revoked ones too.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The seat of a user, revoked or not.
    #[must_use]
    pub fn seat(&self, user: &UserId) -> Option<&Seat> {
        self.seats.binary_search_by(|seat| seat.user_id.cmp(user)).ok().map(|index| &self.seats[index])
    }

    /// The seat of a user, revoked or not.
    pub fn seat_mut(&mut self, user: &UserId) -> Option<&mut Seat> {
        self.seats.binary_search_by(|seat| seat.user_id.cmp(user)).ok().map(|index| &mut self.seats[index])
    }

    /// Does something to every seat.
    pub fn for_each_seat(&mut self, change: impl FnMut(&mut Seat)) {
        self.seats.iter_mut().for_each(change);
    }

    /// The seat of a user, unless it was revoked.
    #[must_use]
    pub fn live_seat(&self, user: &UserId) -> Option<&Seat> {
        self.seat(user).filter(|seat| seat.revoked_at.is_none())
    }

    /// The seat of a session.
    #[must_use]
    pub fn seat_of_session(&self, session: SessionId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.session_id == session)
    }

    /// Takes in a seat, in place of the user's one before.
    pub fn put_seat(&mut self, seat: Seat) {
        match self.seats.binary_search_by(|other| other.user_id.cmp(&seat.user_id)) {
            Ok(index) => self.seats[index] = seat,
            Err(index) => {
                // Games have few seats: growing one by one wastes less than doubling does.
                self.seats.reserve_exact(1);
                self.seats.insert(index, seat);
            }
        }
    }

    /// Removes seats that hold nothing back and open nothing any more. Returns how many.
    pub fn forget_absent(&mut self, now: Timestamp, absent_after: Duration) -> usize {
        let before = self.seats.len();
        self.seats.retain(|seat| !(seat.is_absent(now, absent_after) && seat.has_expired(now)));
        before - self.seats.len()
    }

    /// Whether anyone may join who is not named.
    #[must_use]
    pub fn is_open(&self, open_games: bool) -> bool {
        self.open.unwrap_or(open_games && self.players.is_empty())
    }

    /// Where a newcomer starts: at the summary where there is one.
    #[must_use]
    pub fn entrance(&self) -> Sequence {
        self.summary.as_ref().map_or(Sequence::ZERO, |summary| summary.sequence)
    }

    /// How many events a user who acknowledged up to `acknowledged` has not seen.
    #[must_use]
    pub fn backlog(&self, acknowledged: Sequence) -> u64 {
        self.head().count_after(acknowledged)
    }

    /// Works out where a client's replay starts.
    ///
    /// `kept` is what its session acknowledged last, `None` for a newcomer; `said` is what the client claims.
    #[must_use]
    pub fn catch_up(&self, kept: Option<Sequence>, said: Option<Position>) -> CatchUp {
        let believed = said.filter(|said| said.epoch == Some(self.epoch) && said.after <= self.head());
        let position = match (kept, &believed) {
            (Some(kept), Some(said)) => kept.max(said.after),
            (Some(kept), None) => kept,
            // Not from the summary on: what lies between would be missing without a word.
            (None, Some(said)) => said.after,
            (None, None) => self.entrance(),
        };
        let doubt = said.filter(|_| believed.is_none()).map(|said| match said.epoch {
            Some(epoch) if epoch == self.epoch => Gap::AboveHead(said.after),
            Some(_) | None => Gap::OtherEpoch,
        });
        let reachable = position >= self.floor;
        let from = if reachable { position } else { position.max(self.floor).max(self.entrance()) };
        // A newcomer has no state of its own yet, nor has a client whose events are gone.
        let needs_state = !reachable || (kept.is_none() && believed.is_none());
        let gap = doubt.or((!reachable).then_some(Gap::BelowFloor(position)));
        CatchUp { from, gap, summary: self.summary.clone().filter(|_| needs_state) }
    }

    /// Notes that a user has processed everything up to `sequence`.
    ///
    /// # Errors
    /// `AckAboveHead`: nobody can have processed what was not recorded.
    pub fn acknowledge(&mut self, user: &UserId, sequence: Sequence) -> Result<Acknowledged, Rejection> {
        let head = self.head();
        let Some(seat) = self.seat_mut(user) else { return Err(Rejection::Spectator) };
        if sequence > head {
            return Err(Rejection::AckAboveHead { acknowledged: sequence, head });
        }
        if sequence <= seat.last_ack {
            return Ok(Acknowledged::Already);
        }
        seat.last_ack = sequence;
        Ok(Acknowledged::Kept)
    }

    /// The floor that the players' acknowledgements allow: the lowest of them. Never below the present one.
    ///
    /// A user who was away for `absent_after` holds nothing back; with nobody left who counts, the floor stays.
    #[must_use]
    pub fn due_floor(&self, now: Timestamp, absent_after: Duration) -> Sequence {
        let seated = self
            .seats
            .iter()
            .filter(|seat| seat.revoked_at.is_none() && !seat.is_absent(now, absent_after))
            .map(|seat| seat.last_ack);
        let awaited = self.created_at.plus(absent_after) > now;
        let never_came =
            self.players.iter().filter(|user| awaited && self.seat(user).is_none()).map(|_| self.entrance());
        seated.chain(never_came).min().unwrap_or(self.floor).clamp(self.floor, self.head())
    }

    /// When time alone will next change something: a token expires, or an absent user stops to count.
    #[must_use]
    pub fn next_deadline(&self, now: Timestamp, absent_after: Duration) -> Option<Timestamp> {
        let of_seat = |seat: &Seat| [seat.expires_at, seat.last_seen_at.plus(absent_after)];
        let awaited = self.players.iter().any(|user| self.seat(user).is_none());
        self.seats
            .iter()
            .filter(|seat| !seat.online && seat.revoked_at.is_none())
            .flat_map(of_seat)
            .chain(awaited.then(|| self.created_at.plus(absent_after)))
            .filter(|deadline| *deadline > now)
            .min()
    }

    /// Forgets the events up to and with `floor`.
    pub fn prune(&mut self, floor: Sequence) {
        self.floor = self.floor.max(floor);
        self.tail.prune(floor);
    }

    /// Whether one of these events may have been recorded before, and be too old for memory to know.
    #[must_use]
    pub fn may_have_forgotten(&self, events: &[NewEvent]) -> bool {
        !self.tail.knows_every_ref() && events.iter().any(|event| event.client_ref.is_some())
    }

    /// Takes in an event that was committed.
    pub fn commit(&mut self, event: Arc<Event>) {
        self.updated_at = self.updated_at.max(event.created_at);
        self.tail.append(event);
    }

    /// Checks a summary against the game.
    ///
    /// # Errors
    /// `SummaryOutside`: there is no such event, or it is gone already.
    pub fn check_summary(&self, sequence: Sequence) -> Result<(), Rejection> {
        let (floor, head) = (self.floor, self.head());
        if (floor..=head).contains(&sequence) {
            Ok(())
        } else {
            Err(Rejection::SummaryOutside { sequence, floor, head })
        }
    }

    /// Memory that the game takes, in bytes, its key in an index of games included.
    #[must_use]
    pub fn accounted_bytes(&self) -> usize {
        // A node of the LRU list and a slot of its hash table, at the table's average load.
        const INDEX: usize = 101;
        let names: usize = self.players.iter().map(|user| user.as_str().len() + size_of::<UserId>() + ALLOCATION).sum();
        let texts = self.metadata.iter().chain(self.summary.iter().map(|summary| &summary.state));
        INDEX
            + size_of::<Self>()
            + 2 * ALLOCATION
            + self.id.as_str().len()
            + names
            + texts.map(|text| text.as_str().len() + ALLOCATION).sum::<usize>()
            + self.clock.as_ref().map_or(0, |clock| clock.accounted_bytes() + ALLOCATION)
            + self.seats.iter().map(Seat::accounted_bytes).sum::<usize>()
            + self.tail.accounted_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EventRef, EventType};

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const DAY: Duration = Duration::from_secs(86_400);
    const TTL: Duration = Duration::from_secs(60);

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn asked(client_ref: Option<&str>, expect: Option<u64>) -> NewEvent {
        NewEvent {
            event_type: EventType::parse("move").unwrap(),
            payload: Payload::empty(),
            user_id: Some(user("ann")),
            client_ref: client_ref.map(|text| EventRef::parse(text).unwrap()),
            expect: expect.map(Sequence::new),
            next: None,
        }
    }

    /// A game of these named players with `head` events.
    fn game(players: &[&str], head: u64) -> Game {
        let mut game = Game::new(GameId::parse("g").unwrap(), NOW, 100);
        game.players = players.iter().map(|name| user(name)).collect();
        for number in 1..=head {
            let event = asked(Some(&format!("r{number}")), None).at(Sequence::new(number), NOW);
            game.commit(Arc::new(event));
        }
        game
    }

    fn sit(game: &mut Game, name: &str, last_ack: u64) {
        game.put_seat(Seat::take(user(name), Sequence::new(last_ack), NOW, TTL));
    }

    #[test]
    fn a_named_player_who_has_not_joined_yet_holds_back_pruning() {
        let mut game = game(&["ann", "bob"], 5);
        sit(&mut game, "ann", 4);
        assert_eq!(game.due_floor(NOW, DAY), Sequence::ZERO);

        assert_eq!(game.due_floor(NOW.plus(DAY), DAY), Sequence::ZERO, "ann is gone too: nobody counts, nothing goes");
        game.seat_mut(&user("ann")).unwrap().online = true;
        assert_eq!(game.due_floor(NOW.plus(DAY), DAY), Sequence::new(4));
    }

    #[test]
    fn a_named_player_who_has_not_joined_counts_as_the_summary() {
        let mut game = game(&["ann", "bob"], 5);
        sit(&mut game, "ann", 4);
        game.summary = Some(Summary { sequence: Sequence::new(3), state: Payload::empty() });

        assert_eq!(game.due_floor(NOW, DAY), Sequence::new(3));
    }

    #[test]
    fn an_expired_token_still_holds_back_pruning_and_a_revoked_seat_does_not() {
        let mut game = game(&[], 5);
        sit(&mut game, "ann", 4);
        sit(&mut game, "bob", 1);
        assert_eq!(game.due_floor(NOW.plus(2 * TTL), DAY), Sequence::new(1));

        game.seat_mut(&user("bob")).unwrap().revoked_at = Some(NOW);

        assert_eq!(game.due_floor(NOW, DAY), Sequence::new(4));
    }

    #[test]
    fn an_acknowledgement_above_the_head_is_refused_and_changes_nothing() {
        let mut game = game(&[], 5);
        sit(&mut game, "ann", 2);

        let refused = game.acknowledge(&user("ann"), Sequence::new(6));

        assert!(matches!(refused, Err(Rejection::AckAboveHead { .. })));
        assert_eq!(game.seat(&user("ann")).unwrap().last_ack, Sequence::new(2));
    }

    #[test]
    fn an_acknowledgement_not_above_the_last_is_ignored() {
        let mut game = game(&[], 5);
        sit(&mut game, "ann", 2);

        assert_eq!(game.acknowledge(&user("ann"), Sequence::new(2)), Ok(Acknowledged::Already));
        assert_eq!(game.acknowledge(&user("ann"), Sequence::new(5)), Ok(Acknowledged::Kept));
    }

    #[test]
    fn the_position_is_the_higher_of_what_was_kept_and_what_the_client_says() {
        let game = game(&[], 5);
        let said = |after| Some(Position { epoch: Some(game.epoch), after: Sequence::new(after) });

        assert_eq!(game.catch_up(Some(Sequence::new(2)), said(4)).from, Sequence::new(4));
        assert_eq!(game.catch_up(Some(Sequence::new(4)), said(2)).from, Sequence::new(4));
    }

    #[test]
    fn a_position_from_another_life_is_not_believed() {
        let game = game(&[], 5);
        let above = Gap::AboveHead(Sequence::new(6));
        for (epoch, after, gap) in
            [(Some(Epoch::generate()), 4, Gap::OtherEpoch), (None, 4, Gap::OtherEpoch), (Some(game.epoch), 6, above)]
        {
            let said = Position { epoch, after: Sequence::new(after) };

            let answer = game.catch_up(Some(Sequence::new(2)), Some(said));

            assert_eq!((answer.from, answer.gap), (Sequence::new(2), Some(gap)));
        }
    }

    #[test]
    fn a_position_below_the_floor_gets_the_summary_and_what_is_retained_after_it() {
        let mut game = game(&[], 9);
        game.prune(Sequence::new(4));
        game.summary = Some(Summary { sequence: Sequence::new(6), state: Payload::empty() });

        let answer = game.catch_up(Some(Sequence::new(2)), None);

        let gap = Some(Gap::BelowFloor(Sequence::new(2)));
        assert_eq!((answer.from, answer.gap, answer.summary.is_some()), (Sequence::new(6), gap, true));
    }

    /// A spectator's position below the summary was lifted to it, and the events between were never delivered.
    #[test]
    fn a_position_without_a_seat_counts_as_it_is() {
        let mut game = game(&[], 9);
        game.prune(Sequence::new(4));
        game.summary = Some(Summary { sequence: Sequence::new(6), state: Payload::empty() });
        let said = |after| Some(Position { epoch: Some(game.epoch), after: Sequence::new(after) });

        let within = game.catch_up(None, said(5));
        let below = game.catch_up(None, said(3));

        assert_eq!((within.from, within.gap, within.summary), (Sequence::new(5), None, None));
        let gap = Some(Gap::BelowFloor(Sequence::new(3)));
        assert_eq!((below.from, below.gap, below.summary.is_some()), (Sequence::new(6), gap, true));
    }

    #[test]
    fn a_newcomer_starts_at_the_summary() {
        let mut game = game(&[], 9);
        game.summary = Some(Summary { sequence: Sequence::new(6), state: Payload::empty() });

        let answer = game.catch_up(None, None);

        assert_eq!((answer.from, answer.gap, answer.summary.is_some()), (Sequence::new(6), None, true));
    }
}
