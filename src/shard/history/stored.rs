//! A durable store as simple as can be: one game, everything in vectors.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{Event, Game, ReplayTail, Seat, Sequence, SessionId, Timestamp, UserId},
    store::{Append, EventPage, Outcome, SeatMark, Write},
};

/// What is durable.
#[derive(Default)]
pub struct Stored {
    pub game: Option<Game>,
    /// Every event that was ever committed, pruned ones too.
    pub log: Vec<Arc<Event>>,
    pub seats: BTreeMap<UserId, Seat>,
}

impl Stored {
    pub fn head(&self) -> Sequence {
        Sequence::new(self.log.len() as u64)
    }

    fn retained(&self) -> impl Iterator<Item = &Arc<Event>> {
        let floor = self.game.as_ref().map_or(Sequence::ZERO, |game| game.floor);
        self.log.iter().filter(move |event| event.sequence > floor)
    }

    pub fn apply(&mut self, write: &Write) -> Outcome {
        match write {
            Write::CreateGame(game) if self.game.is_none() => self.game = Some((**game).clone()),
            Write::CreateGame(_) => return Outcome::Stale,
            Write::Append(append) => return self.append(append),
            Write::TakeSeat { expected_seats_version, seat, .. } => {
                let Some(game) = self.game.as_mut().filter(|game| game.seats_version == *expected_seats_version) else {
                    return Outcome::Stale;
                };
                game.seats_version += 1;
                self.seats.insert(seat.user_id.clone(), Seat { online: false, ..(**seat).clone() });
            }
            Write::PutClock(change) => {
                let Some(game) = self.game.as_mut().filter(|game| game.clock_version() == change.expected_clock) else {
                    return Outcome::Stale;
                };
                game.keep_clock(change.clock.clone());
            }
            Write::Recall { events, .. } => {
                let repeats = self.repeats(events);
                return if repeats.is_empty() { Outcome::Done } else { Outcome::Repeated(repeats) };
            }
            Write::Marks { seats, floors, clocks } => {
                seats.iter().for_each(|mark| self.mark(mark));
                for served in clocks {
                    let game = self.game.as_mut().filter(|game| game.clock_version() == served.clock_version);
                    if let Some(clock) = game.and_then(|game| game.clock.as_mut()) {
                        clock.vouch(served.until);
                    }
                }
                for floor in floors {
                    let game = self.game.as_mut().filter(|game| game.seats_version == floor.seats_version);
                    if let Some(game) = game {
                        game.floor = game.floor.max(floor.floor);
                    }
                }
            }
            Write::ChangeGame(_) | Write::PutSummary { .. } | Write::DeleteGame { .. } => unreachable!("not played"),
        }
        Outcome::Done
    }

    fn repeats(&self, events: &[Arc<Event>]) -> Vec<(usize, Arc<Event>)> {
        let repeat = |event: &Arc<Event>| {
            let same = |other: &&Arc<Event>| other.client_ref == event.client_ref && other.user_id == event.user_id;
            event.client_ref.is_some().then(|| self.log.iter().find(same).cloned()).flatten()
        };
        events.iter().enumerate().filter_map(|(index, event)| Some((index, repeat(event)?))).collect()
    }

    fn append(&mut self, append: &Append) -> Outcome {
        let clock_version = self.game.as_ref().map_or(0, Game::clock_version);
        if append.expected_head != self.head() || append.expected_clock != clock_version {
            return Outcome::Stale;
        }
        let repeats = self.repeats(&append.events);
        if !repeats.is_empty() {
            return Outcome::Repeated(repeats);
        }
        self.log.extend(append.events.iter().cloned());
        if let (Some(clock), Some(game)) = (&append.clock, self.game.as_mut()) {
            game.keep_clock((**clock).clone());
        }
        Outcome::Done
    }

    fn mark(&mut self, mark: &SeatMark) {
        let seat = self.seats.values_mut().find(|seat| seat.session_id == mark.session_id && seat.revoked_at.is_none());
        if let Some(seat) = seat {
            seat.last_ack = seat.last_ack.max(mark.last_ack);
            seat.proven = seat.proven.max(mark.proven);
            seat.issued = seat.issued.max(mark.issued);
            seat.last_seen_at = seat.last_seen_at.max(mark.last_seen_at);
            seat.expires_at = seat.expires_at.max(mark.expires_at);
        }
    }

    pub fn revoke(&mut self, user_id: &UserId, now: Timestamp) -> Option<SessionId> {
        let seat = self.seats.get_mut(user_id).filter(|seat| seat.revoked_at.is_none())?;
        seat.revoked_at = Some(now);
        if let Some(game) = self.game.as_mut() {
            game.seats_version += 1;
        }
        Some(seat.session_id)
    }

    pub fn load(&self, tail: usize) -> Option<Game> {
        let mut game = self.game.clone()?;
        let start = game.floor.number().max(self.head().number().saturating_sub(tail as u64));
        let mut recent = ReplayTail::new(Sequence::new(start), tail);
        self.retained().filter(|event| event.sequence.number() > start).for_each(|event| recent.append(event.clone()));
        game.floor = Sequence::new(game.floor.number());
        Some(game.with_history(recent, self.seats.values().cloned().collect()))
    }

    pub fn page(&self, after: Sequence, limit: usize) -> Option<EventPage> {
        let game = self.game.as_ref()?;
        let events = self.retained().filter(|event| event.sequence > after).take(limit);
        Some(EventPage {
            epoch: game.epoch,
            head: self.head(),
            floor: game.floor,
            events: events.map(|event| (**event).clone()).collect(),
        })
    }
}
