//! What the claims are written with: a game in a store, and short names for its parts.

use std::{sync::Arc, time::Duration};

use crate::{
    domain::{Epoch, Event, EventRef, EventType, Game, GameId, Payload, Seat, Sequence, Summary, Timestamp, UserId},
    store::{Append, DurableStore, Floor, GameChange, Outcome, PageLimit, Write},
};

/// When everything happens that does not say otherwise.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub const TTL: Duration = Duration::from_hours(1);

pub fn game_id(text: &str) -> GameId {
    GameId::parse(text).unwrap()
}

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn payload(json: &str) -> Payload {
    Payload::from_json(json).unwrap()
}

/// An event of nobody, without a ref.
pub fn event(sequence: u64) -> Event {
    Event {
        sequence: Sequence::new(sequence),
        event_type: EventType::parse("move").unwrap(),
        payload: payload(&format!(r#"{{"number":{sequence}}}"#)),
        user_id: None,
        client_ref: None,
        created_at: NOW,
    }
}

/// An event with a ref, of a user or nobody.
pub fn referred(sequence: u64, by: Option<&str>, client_ref: &str) -> Event {
    Event { user_id: by.map(user), client_ref: Some(EventRef::parse(client_ref).unwrap()), ..event(sequence) }
}

pub fn seat(name: &str) -> Seat {
    Seat::take(user(name), Sequence::ZERO, NOW, TTL)
}

pub fn sequences<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<u64> {
    events.into_iter().map(|event| event.sequence.number()).collect()
}

/// No sequence at all.
pub const NONE: [u64; 0] = [];

/// Commits one write.
pub async fn write(store: &impl DurableStore, write: Write) -> Outcome {
    let mut outcomes = store.commit(vec![write]).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// One game in a store.
pub struct Table<'s, S> {
    pub store: &'s S,
    pub id: GameId,
    pub epoch: Epoch,
}

impl<'s, S: DurableStore> Table<'s, S> {
    /// Sets up a game with `head` events.
    pub async fn set(store: &'s S, id: &str, head: u64) -> Self {
        let game = Game::new(game_id(id), NOW, 0);
        let table = Self { store, id: game.id.clone(), epoch: game.epoch };
        assert_eq!(write(store, Write::CreateGame(Box::new(game))).await, Outcome::Done);
        if head > 0 {
            assert_eq!(table.append(0, (1..=head).map(event).collect()).await, Outcome::Done);
        }
        table
    }

    pub fn appending(&self, expected_head: u64, events: Vec<Event>) -> Write {
        Write::Append(Append {
            game_id: self.id.clone(),
            epoch: self.epoch,
            expected_head: Sequence::new(expected_head),
            expected_clock: 0,
            events: events.into_iter().map(Arc::new).collect(),
            clock: None,
        })
    }

    pub async fn append(&self, expected_head: u64, events: Vec<Event>) -> Outcome {
        write(self.store, self.appending(expected_head, events)).await
    }

    pub fn seating(&self, expected_seats_version: u64, seat: &Seat) -> Write {
        self.seating_above(u64::from(u32::MAX), expected_seats_version, seat)
    }

    /// Of somebody who knows that so much was pruned.
    pub fn seating_above(&self, known_floor: u64, expected_seats_version: u64, seat: &Seat) -> Write {
        let (game_id, epoch, known_floor) = (self.id.clone(), self.epoch, Sequence::new(known_floor));
        Write::TakeSeat { game_id, epoch, expected_seats_version, known_floor, seat: Box::new(seat.clone()) }
    }

    /// Takes a seat in a game whose seats have this version.
    pub async fn sit(&self, expected_seats_version: u64, seat: &Seat) {
        assert_eq!(write(self.store, self.seating(expected_seats_version, seat)).await, Outcome::Done);
    }

    pub fn changing(&self, expected_seats_version: u64) -> GameChange {
        GameChange {
            game_id: self.id.clone(),
            epoch: self.epoch,
            expected_seats_version,
            players: Vec::new(),
            open: None,
            metadata: None,
            expected_clock: 0,
            clock: None,
            at: NOW,
        }
    }

    pub fn floor(&self, seats_version: u64, floor: u64) -> Floor {
        Floor { game_id: self.id.clone(), epoch: self.epoch, seats_version, floor: Sequence::new(floor) }
    }

    pub async fn prune(&self, seats_version: u64, floor: u64) {
        let floors = vec![self.floor(seats_version, floor)];
        assert_eq!(
            write(self.store, Write::Marks { seats: Vec::new(), floors, clocks: Vec::new() }).await,
            Outcome::Done
        );
    }

    pub fn summing_up(&self, sequence: u64, state: &str) -> Write {
        let summary = Summary { sequence: Sequence::new(sequence), state: payload(state) };
        Write::PutSummary { game_id: self.id.clone(), epoch: self.epoch, summary, at: NOW }
    }

    pub async fn find(&self, tail: usize) -> Option<Game> {
        self.store.load(vec![self.id.clone()], tail).await.unwrap().remove(0)
    }

    pub async fn load(&self, tail: usize) -> Game {
        self.find(tail).await.expect("the game is there")
    }

    /// Everything that is in the log.
    pub async fn log(&self) -> Vec<Event> {
        let page = self.store.events_after(self.id.clone(), Sequence::ZERO, first(10_000)).await.unwrap();
        page.expect("the game is there").events
    }
}

/// The events of a game's tail.
pub fn tail(game: &Game) -> Vec<u64> {
    let tail = game.tail();
    tail.after(tail.start()).unwrap().map(|event| event.sequence.number()).collect()
}

/// A page of so many events, however large.
pub fn first(events: usize) -> PageLimit {
    PageLimit { events, bytes: usize::MAX }
}
