//! The order of a batch: what can be done at once, and what must wait.
//!
//! A batch means what it would mean one write after the other. Writes to different games do not touch each other, so
//! they share a round; a later write to a game that a round has touched goes into a round after it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    domain::{Epoch, Event, Game, GameId, Seat, Sequence, SessionId, Summary, Timestamp},
    store::{Append, ClockChange, Floor, GameChange, SeatMark, Served, Write},
};

/// Games whose floors are raised in one statement: it holds their rows for some milliseconds.
pub(super) const FLOORS_A_STATEMENT: usize = 32;

/// Writes that do not touch each other, each with its place in the batch, in the order of their games' names.
#[derive(Default)]
pub(super) struct Round<'b> {
    pub(super) creations: Vec<(usize, &'b Game)>,
    pub(super) appends: Vec<(usize, &'b Append)>,
    pub(super) changes: Vec<(usize, &'b GameChange)>,
    pub(super) clocks: Vec<(usize, &'b ClockChange)>,
    pub(super) recalls: Vec<(usize, &'b GameId, &'b [Arc<Event>])>,
    pub(super) summaries: Vec<Summing<'b>>,
    pub(super) seatings: Vec<Seating<'b>>,
    pub(super) deletions: Vec<(usize, &'b GameId, Epoch)>,
    pub(super) floors: Vec<&'b Floor>,
    /// The furthest of each session's marks.
    pub(super) marks: BTreeMap<SessionId, SeatMark>,
    pub(super) served: Vec<&'b Served>,
}

pub(super) struct Summing<'b> {
    pub(super) place: usize,
    pub(super) game_id: &'b GameId,
    pub(super) epoch: Epoch,
    pub(super) summary: &'b Summary,
    pub(super) at: Timestamp,
}

pub(super) struct Seating<'b> {
    pub(super) place: usize,
    pub(super) game_id: &'b GameId,
    pub(super) epoch: Epoch,
    pub(super) expected_seats_version: u64,
    pub(super) known_floor: Sequence,
    pub(super) seat: &'b Seat,
}

/// A batch in rounds.
#[derive(Default)]
pub(super) struct Plan<'b> {
    pub(super) rounds: Vec<Round<'b>>,
    /// The first round that has not touched a game.
    next_of_game: HashMap<&'b GameId, usize>,
    /// The first round without a change of who has a seat, and the first without marks.
    after_seats: usize,
    after_marks: usize,
}

impl<'b> Plan<'b> {
    pub(super) fn of(batch: impl IntoIterator<Item = (usize, &'b Write)>) -> Self {
        let mut plan = Self::default();
        for (place, write) in batch {
            plan.add(place, write);
        }
        plan.rounds.iter_mut().for_each(Round::sort);
        plan
    }

    fn add(&mut self, place: usize, write: &'b Write) {
        match write {
            Write::Append(append) => self.round_of(&append.game_id).appends.push((place, append)),
            Write::CreateGame(game) => self.round_of(&game.id).creations.push((place, game)),
            Write::ChangeGame(change) => self.round_of(&change.game_id).changes.push((place, change)),
            Write::PutClock(change) => self.round_of(&change.game_id).clocks.push((place, change)),
            Write::Recall { game_id, events } => self.round_of(game_id).recalls.push((place, game_id, events)),
            Write::PutSummary { game_id, epoch, summary, at } => {
                let summing = Summing { place, game_id, epoch: *epoch, summary, at: *at };
                self.round_of(game_id).summaries.push(summing);
            }
            Write::TakeSeat { game_id, epoch, expected_seats_version, known_floor, seat } => {
                let (epoch, expected_seats_version, known_floor) = (*epoch, *expected_seats_version, *known_floor);
                let seating = Seating { place, game_id, epoch, expected_seats_version, known_floor, seat };
                self.round_of_seats(game_id).seatings.push(seating);
            }
            Write::DeleteGame { game_id, epoch } => {
                self.round_of_seats(game_id).deletions.push((place, game_id, *epoch));
            }
            Write::Marks { seats, floors, clocks } => {
                for floor in floors {
                    self.round_of(&floor.game_id).floors.push(floor);
                }
                for served in clocks {
                    self.round_of(&served.game_id).served.push(served);
                }
                self.mark(seats);
            }
        }
    }

    fn mark(&mut self, marks: &[SeatMark]) {
        if marks.is_empty() {
            return;
        }
        let number = self.after_seats;
        self.after_marks = self.after_marks.max(number + 1);
        let round = self.round(number);
        for mark in marks {
            let furthest = round.marks.entry(mark.session_id).or_insert_with(|| mark.clone());
            *furthest = SeatMark {
                session_id: mark.session_id,
                last_ack: furthest.last_ack.max(mark.last_ack),
                proven: furthest.proven.max(mark.proven),
                issued: furthest.issued.max(mark.issued),
                issued_at: furthest.issued_at.max(mark.issued_at),
                last_seen_at: furthest.last_seen_at.max(mark.last_seen_at),
                expires_at: furthest.expires_at.max(mark.expires_at),
                whole: None,
            };
        }
    }

    fn round_of(&mut self, game: &'b GameId) -> &mut Round<'b> {
        let next = self.next_of_game.entry(game).or_default();
        let number = *next;
        *next += 1;
        self.round(number)
    }

    /// Marks do not say which game their session belongs to: they wait for every change of seats, and it for them.
    fn round_of_seats(&mut self, game: &'b GameId) -> &mut Round<'b> {
        let next = self.next_of_game.entry(game).or_default();
        let number = self.after_marks.max(*next);
        *next = number + 1;
        self.after_seats = self.after_seats.max(number + 1);
        self.round(number)
    }

    fn round(&mut self, number: usize) -> &mut Round<'b> {
        if self.rounds.len() <= number {
            self.rounds.resize_with(number + 1, Round::default);
        }
        &mut self.rounds[number]
    }

    /// Whether all of it is one statement, which needs no transaction around it.
    pub(super) fn is_one_statement(&self) -> bool {
        self.rounds.iter().map(Round::statements).sum::<usize>() == 1
    }

    /// Every game that a row is locked of, in the order in which everyone locks them.
    pub(super) fn games(&self) -> Vec<&'b str> {
        let mut games: Vec<_> = self.next_of_game.keys().map(|game| game.as_str()).collect();
        games.sort_unstable();
        games
    }
}

impl Round<'_> {
    fn sort(&mut self) {
        self.creations.sort_unstable_by_key(|(_, game)| &game.id);
        self.appends.sort_unstable_by_key(|(_, append)| &append.game_id);
        self.clocks.sort_unstable_by_key(|(_, change)| &change.game_id);
        self.summaries.sort_unstable_by_key(|summing| summing.game_id);
        self.seatings.sort_unstable_by_key(|seating| seating.game_id);
        self.floors.sort_unstable_by_key(|floor| &floor.game_id);
        self.served.sort_unstable_by_key(|served| &served.game_id);
    }

    fn statements(&self) -> usize {
        // A deletion is several; what matters is that it is not one.
        let batched = [
            self.creations.len(),
            self.appends.len(),
            self.clocks.len(),
            self.summaries.len(),
            self.seatings.len(),
            self.marks.len(),
            self.served.len(),
        ];
        batched.iter().filter(|len| **len > 0).count()
            + self.changes.len()
            + self.recalls.len()
            + 2 * self.deletions.len()
            + self.floors.len().div_ceil(FLOORS_A_STATEMENT)
    }
}
