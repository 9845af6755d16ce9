//! A naive model of what a store should hold: a list of events, and the rules read aloud.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{Epoch, Event, Game, GameClock, GameId, Seat, Sequence, Summary, Timestamp, UserId},
    store::{Cleaned, Floor, Outcome, Retention, Revoked, SeatMark, Write},
};

/// What a store should hold.
pub struct Model {
    pub now: Timestamp,
    pub games: BTreeMap<GameId, Kept>,
}

pub struct Kept {
    pub game: Game,
    pub log: Vec<Event>,
    /// Pruned events that had a ref.
    receipts: Vec<Event>,
}

/// A game as a whole, but for its events.
#[derive(Debug, PartialEq)]
pub struct View {
    life: (Epoch, Timestamp, Timestamp),
    positions: (Sequence, Sequence, u64),
    set: (Vec<UserId>, Option<bool>, Option<String>, Option<Summary>),
    clock: Option<GameClock>,
    seats: Vec<Seat>,
}

impl View {
    pub fn of(game: &Game) -> Self {
        let metadata = game.metadata.as_ref().map(|payload| payload.as_str().to_owned());
        Self {
            life: (game.epoch, game.created_at, game.updated_at),
            positions: (game.floor, game.head(), game.seats_version),
            set: (game.players.clone(), game.open, metadata, game.summary.clone()),
            clock: game.clock.as_deref().cloned(),
            seats: game.seats().to_vec(),
        }
    }
}

impl Model {
    /// Does one write.
    pub fn write(&mut self, write: &Write) -> Outcome {
        let done = match write {
            Write::Append(append) => match self.game(&append.game_id, append.epoch) {
                Some(kept)
                    if kept.game.head() == append.expected_head
                        && kept.game.clock_version() == append.expected_clock =>
                {
                    return kept.append(&append.events, append.clock.as_deref());
                }
                Some(_) | None => None,
            },
            Write::CreateGame(game) if self.games.contains_key(&game.id) => None,
            Write::CreateGame(game) => {
                // A store's tail may hold anything; this one holds all.
                let mut kept = Game::new(game.id.clone(), game.created_at, 1_000);
                kept.epoch = game.epoch;
                kept.clock.clone_from(&game.clock);
                kept.players.clone_from(&game.players);
                let kept = Kept { game: kept, log: Vec::new(), receipts: Vec::new() };
                self.games.insert(game.id.clone(), kept);
                Some(())
            }
            Write::ChangeGame(change) => {
                let game = self.game_of_version(&change.game_id, change.epoch, change.expected_seats_version);
                game.filter(|game| game.clock_version() == change.expected_clock).map(|game| {
                    if let Some(clock) = &change.clock {
                        keep_clock(game, clock);
                    }
                    game.seats_version += 1;
                    game.players.clone_from(&change.players);
                    game.open = change.open;
                    game.metadata.clone_from(&change.metadata);
                    game.updated_at = game.updated_at.max(change.at);
                })
            }
            Write::PutClock(change) => self
                .game(&change.game_id, change.epoch)
                .filter(|kept| kept.game.clock_version() == change.expected_clock)
                .map(|kept| {
                    keep_clock(&mut kept.game, &change.clock);
                    kept.game.updated_at = kept.game.updated_at.max(change.at);
                }),
            Write::Recall { game_id, events } => {
                let repeats = self.games.get(game_id).map(|kept| kept.repeats(events)).unwrap_or_default();
                return if repeats.is_empty() { Outcome::Done } else { Outcome::Repeated(repeats) };
            }
            Write::PutSummary { game_id, epoch, summary, at } => self.game(game_id, *epoch).map(|kept| {
                kept.game.summary = Some(summary.clone());
                kept.game.updated_at = kept.game.updated_at.max(*at);
            }),
            Write::TakeSeat { game_id, epoch, expected_seats_version, known_floor, seat } => {
                let game = self.game_of_version(game_id, *epoch, *expected_seats_version);
                game.filter(|game| game.floor <= *known_floor).map(|game| {
                    game.seats_version += 1;
                    game.put_seat(Seat::clone(seat));
                })
            }
            Write::DeleteGame { game_id, epoch } => {
                let exists = self.game(game_id, *epoch).is_some();
                exists.then(|| drop(self.games.remove(game_id)))
            }
            Write::Marks { seats, floors, clocks } => {
                for mark in seats {
                    self.mark(mark);
                }
                for floor in floors {
                    self.raise(floor);
                }
                for served in clocks {
                    let game = self.game(&served.game_id, served.epoch).map(|kept| &mut kept.game);
                    let game = game.filter(|game| game.clock_version() == served.clock_version);
                    if let Some(clock) = game.and_then(|game| game.clock.as_mut()) {
                        clock.vouch(served.until);
                    }
                }
                Some(())
            }
        };
        done.map_or(Outcome::Stale, |()| Outcome::Done)
    }

    fn game(&mut self, id: &GameId, epoch: Epoch) -> Option<&mut Kept> {
        self.games.get_mut(id).filter(|kept| kept.game.epoch == epoch)
    }

    fn game_of_version(&mut self, id: &GameId, epoch: Epoch, seats_version: u64) -> Option<&mut Game> {
        let game = &mut self.game(id, epoch)?.game;
        (game.seats_version == seats_version).then_some(game)
    }

    fn mark(&mut self, mark: &SeatMark) {
        for kept in self.games.values_mut() {
            let Some(seat) = kept.game.seat_of_session(mark.session_id).cloned() else { continue };
            if seat.revoked_at.is_none() {
                kept.game.put_seat(Seat {
                    last_ack: seat.last_ack.max(mark.last_ack),
                    proven: seat.proven.max(mark.proven),
                    issued: seat.issued.max(mark.issued),
                    issued_at: seat.issued_at.max(mark.issued_at),
                    last_seen_at: seat.last_seen_at.max(mark.last_seen_at),
                    expires_at: seat.expires_at.max(mark.expires_at),
                    ..seat
                });
            }
        }
    }

    fn raise(&mut self, floor: &Floor) {
        let Some(kept) = self.game(&floor.game_id, floor.epoch) else { return };
        let fits = kept.game.seats_version == floor.seats_version;
        if fits && floor.floor > kept.game.floor && floor.floor <= kept.game.head() {
            kept.game.prune(floor.floor);
            let gone = kept.log.extract_if(.., |event| event.sequence <= floor.floor);
            kept.receipts.extend(gone.filter(|event| event.client_ref.is_some()));
        }
    }

    pub fn revoke(&mut self, which: impl Fn(&Seat) -> bool) -> Vec<Revoked> {
        let mut revoked = Vec::new();
        for kept in self.games.values_mut() {
            let game = &mut kept.game;
            let Some(seat) = game.seats().iter().find(|seat| which(seat) && seat.revoked_at.is_none()).cloned() else {
                continue;
            };
            revoked.push(Revoked {
                game_id: game.id.clone(),
                user_id: seat.user_id.clone(),
                session_id: seat.session_id,
            });
            game.seats_version += 1;
            game.put_seat(Seat { revoked_at: Some(self.now), ..seat });
        }
        revoked
    }

    pub fn clean_up(&mut self, keep: Retention) -> Cleaned {
        let now = self.now;
        let mut cleaned = Cleaned::default();
        for kept in self.games.values_mut() {
            let game = &mut kept.game;
            let leaving = |seat: &&Seat| seat.is_absent(now, keep.absent_after) && seat.has_expired(now);
            let last = game.seats().iter().filter(leaving).map(|seat| seat.last_seen_at).max();
            game.updated_at = game.updated_at.max(last.unwrap_or(game.updated_at));
            let gone = game.forget_absent(now, keep.absent_after) as u64;
            game.seats_version += gone;
            cleaned.sessions += gone;
            cleaned.unseated.extend((0..gone).map(|_| game.id.clone()));
            kept.receipts.retain(|event| event.created_at.plus(keep.untouched_for) > now);
        }
        self.games.retain(|id, kept| {
            let alive = kept.game.seats().iter().map(|seat| seat.last_seen_at).max();
            let touched = kept.game.updated_at.max(alive.unwrap_or(kept.game.updated_at));
            let stays = touched.plus(keep.untouched_for) > now;
            if !stays {
                cleaned.games.push(id.clone());
                cleaned.sessions += kept.game.seats().len() as u64;
                cleaned.events += kept.log.len() as u64;
            }
            stays
        });
        cleaned
    }
}

/// Takes in new clocks. That they were served, nobody forgets.
fn keep_clock(game: &mut Game, clock: &GameClock) {
    let mut clock = clock.clone();
    clock.vouch(game.clock.as_ref().map_or(Timestamp::default(), |before| before.served_until()));
    game.keep_clock(clock);
}

impl Kept {
    fn repeats(&self, events: &[Arc<Event>]) -> Vec<(usize, Arc<Event>)> {
        events
            .iter()
            .enumerate()
            .filter_map(|(place, event)| {
                let same = |other: &&Event| {
                    event.client_ref.is_some() && other.client_ref == event.client_ref && other.user_id == event.user_id
                };
                let live = self.log.iter().find(same).cloned();
                let receipt = || self.receipts.iter().find(same);
                let vouched = || Some(Event { payload: event.payload.clone(), ..receipt()?.clone() });
                Some((place, Arc::new(live.or_else(vouched)?)))
            })
            .collect()
    }

    fn append(&mut self, events: &[Arc<Event>], clock: Option<&GameClock>) -> Outcome {
        let repeats = self.repeats(events);
        if !repeats.is_empty() {
            return Outcome::Repeated(repeats);
        }
        for event in events {
            self.game.commit(Arc::clone(event));
            self.log.push(Event::clone(event));
        }
        if let Some(clock) = clock {
            keep_clock(&mut self.game, clock);
        }
        Outcome::Done
    }
}
