//! Rows, and what they mean. The same in every SQL database.

use std::error;

use diesel::{prelude::*, result::Error};

use super::{
    clock::{self, ClockColumns, control_to_text, reading_to_text},
    schema::{game, game_event, game_session},
};
use crate::{
    domain::{
        Epoch, Event, EventRef, EventType, Game, GameId, Generation, Payload, ReplayTail, Seat, Sequence, SessionId,
        Summary, Timestamp, UserId,
    },
    store::{Append, Revoked, Stand},
};

/// A game without its seats and events.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = game)]
pub(in crate::store) struct GameRow {
    pub(in crate::store) id: String,
    pub(in crate::store) epoch: String,
    pub(in crate::store) head: i64,
    pub(in crate::store) floor: i64,
    pub(in crate::store) seats_version: i64,
    pub(in crate::store) created_at: i64,
    pub(in crate::store) updated_at: i64,
    pub(in crate::store) open: Option<bool>,
    pub(in crate::store) summary_sequence: Option<i64>,
    pub(in crate::store) players: String,
    pub(in crate::store) metadata: Option<String>,
    pub(in crate::store) summary: Option<String>,
    pub(in crate::store) time_control: Option<String>,
    pub(in crate::store) clock: Option<String>,
    pub(in crate::store) clock_version: i64,
    pub(in crate::store) clock_served_until: i64,
}

impl GameRow {
    pub(in crate::store) fn of(game: &Game) -> QueryResult<Self> {
        Ok(Self {
            id: game.id.to_string(),
            epoch: game.epoch.to_string(),
            head: from_number(game.head().number()),
            floor: from_number(game.floor.number()),
            seats_version: from_number(game.seats_version),
            created_at: game.created_at.as_millis(),
            updated_at: game.updated_at.as_millis(),
            open: game.open,
            summary_sequence: game.summary.as_ref().map(|summary| from_number(summary.sequence.number())),
            players: players_to_text(&game.players)?,
            metadata: game.metadata.as_ref().map(payload_to_text),
            summary: game.summary.as_ref().map(|summary| payload_to_text(&summary.state)),
            time_control: game.clock.as_ref().map(|clock| control_to_text(clock.control())).transpose()?,
            clock: game.clock.as_ref().map(|clock| reading_to_text(clock.reading())).transpose()?,
            clock_version: from_number(game.clock_version()),
            clock_served_until: game.clock.as_ref().map_or(0, |clock| clock.served_until().as_millis()),
        })
    }

    pub(in crate::store) fn epoch(&self) -> QueryResult<Epoch> {
        Epoch::parse(&self.epoch).ok_or_else(|| unreadable("an epoch"))
    }

    pub(in crate::store) fn head(&self) -> QueryResult<Sequence> {
        to_sequence(self.head)
    }

    pub(in crate::store) fn floor(&self) -> QueryResult<Sequence> {
        to_sequence(self.floor)
    }

    /// The game, with the seats and events that belong to the row.
    pub(in crate::store) fn into_game(self, tail: ReplayTail, seats: Vec<Seat>) -> QueryResult<Game> {
        let created_at = Timestamp::from_millis(self.created_at);
        let mut game = Game::new(GameId::parse(&self.id).map_err(unreadable)?, created_at, 0);
        game.epoch = self.epoch()?;
        game.floor = self.floor()?;
        game.seats_version = to_number(self.seats_version)?;
        game.updated_at = Timestamp::from_millis(self.updated_at);
        game.open = self.open;
        game.players = serde_json::from_str(&self.players).map_err(unreadable)?;
        game.metadata = self.metadata.map(Payload::from_store);
        game.summary = match self.summary_sequence.zip(self.summary) {
            Some((sequence, state)) => {
                Some(Summary { sequence: to_sequence(sequence)?, state: Payload::from_store(state) })
            }
            None => None,
        };
        let columns = ClockColumns {
            time_control: self.time_control.as_deref(),
            clock: self.clock.as_deref(),
            version: self.clock_version,
            served_until: self.clock_served_until,
        };
        game.clock = clock::read(&columns, &game.players)?.map(Box::new);
        Ok(game.with_history(tail, seats))
    }
}

/// A seat.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = game_session)]
pub(in crate::store) struct SeatRow {
    pub(in crate::store) id: String,
    pub(in crate::store) game_id: String,
    pub(in crate::store) user_id: String,
    pub(in crate::store) last_ack_sequence: i64,
    pub(in crate::store) proven_generation: i64,
    pub(in crate::store) issued_generation: i64,
    pub(in crate::store) last_heartbeat_at: i64,
    pub(in crate::store) issued_at: i64,
    pub(in crate::store) expires_at: i64,
    pub(in crate::store) revoked_at: Option<i64>,
    pub(in crate::store) metadata: Option<String>,
}

impl SeatRow {
    pub(in crate::store) fn of(game: &GameId, seat: &Seat) -> Self {
        Self {
            id: seat.session_id.to_string(),
            game_id: game.to_string(),
            user_id: seat.user_id.to_string(),
            last_ack_sequence: from_number(seat.last_ack.number()),
            proven_generation: seat.proven.number().into(),
            issued_generation: seat.issued.number().into(),
            last_heartbeat_at: seat.last_seen_at.as_millis(),
            issued_at: seat.issued_at.as_millis(),
            expires_at: seat.expires_at.as_millis(),
            revoked_at: seat.revoked_at.map(Timestamp::as_millis),
            metadata: seat.metadata.as_ref().map(payload_to_text),
        }
    }

    pub(in crate::store) fn into_seat(self) -> QueryResult<Seat> {
        Ok(Seat {
            session_id: to_session(&self.id)?,
            user_id: UserId::parse(&self.user_id).map_err(unreadable)?,
            last_ack: to_sequence(self.last_ack_sequence)?,
            proven: to_generation(self.proven_generation)?,
            issued: to_generation(self.issued_generation)?,
            issued_at: Timestamp::from_millis(self.issued_at),
            expires_at: Timestamp::from_millis(self.expires_at),
            last_seen_at: Timestamp::from_millis(self.last_heartbeat_at),
            revoked_at: self.revoked_at.map(Timestamp::from_millis),
            metadata: self.metadata.map(Payload::from_store),
            online: false,
            lost_at: None,
        })
    }
}

/// Where a game stands.
#[derive(Queryable, Selectable)]
#[diesel(table_name = game)]
pub(in crate::store) struct StandRow {
    epoch: String,
    head: i64,
    seats_version: i64,
    clock_version: i64,
}

impl StandRow {
    pub(in crate::store) fn into_stand(self) -> QueryResult<Stand> {
        Ok(Stand {
            epoch: Epoch::parse(&self.epoch).ok_or_else(|| unreadable("an epoch"))?,
            head: to_sequence(self.head)?,
            seats_version: to_number(self.seats_version)?,
            clock_version: to_number(self.clock_version)?,
        })
    }
}

/// A seat that was revoked.
#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = game_session)]
pub(in crate::store) struct RevokedRow {
    game_id: String,
    user_id: String,
    id: String,
}

impl RevokedRow {
    pub(in crate::store) fn game_id(&self) -> &str {
        &self.game_id
    }

    pub(in crate::store) fn into_revoked(self) -> QueryResult<Revoked> {
        Ok(Revoked {
            game_id: GameId::parse(&self.game_id).map_err(unreadable)?,
            user_id: UserId::parse(&self.user_id).map_err(unreadable)?,
            session_id: to_session(&self.id)?,
        })
    }
}

/// An event that was kept.
#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = game_event)]
pub(in crate::store) struct EventRow {
    pub(in crate::store) sequence: i64,
    event_type: String,
    user_id: String,
    client_ref: Option<String>,
    payload: String,
    created_at: i64,
}

impl EventRow {
    pub(in crate::store) fn into_event(self) -> QueryResult<Event> {
        let user_id = Some(self.user_id).filter(|user| !user.is_empty());
        Ok(Event {
            sequence: to_sequence(self.sequence)?,
            event_type: EventType::from_store(&self.event_type).map_err(unreadable)?,
            payload: Payload::from_store(self.payload),
            user_id: user_id.map(|user| UserId::parse(&user)).transpose().map_err(unreadable)?,
            client_ref: self.client_ref.map(|text| EventRef::parse(&text)).transpose().map_err(unreadable)?,
            created_at: Timestamp::from_millis(self.created_at),
        })
    }
}

/// What repeats are answered with: an event, or (without its payload) the receipt that is left of one.
#[derive(Queryable)]
pub(in crate::store) struct OriginalRow {
    pub(in crate::store) sequence: i64,
    pub(in crate::store) event_type: String,
    pub(in crate::store) payload: Option<String>,
    pub(in crate::store) created_at: i64,
}

impl OriginalRow {
    /// The original of a repeat, which has the same user and ref.
    pub(in crate::store) fn into_original(self, repeat: &Event) -> QueryResult<Event> {
        Ok(Event {
            sequence: to_sequence(self.sequence)?,
            event_type: EventType::from_store(&self.event_type).map_err(unreadable)?,
            payload: self.payload.map_or_else(|| repeat.payload.clone(), Payload::from_store),
            user_id: repeat.user_id.clone(),
            client_ref: repeat.client_ref.clone(),
            created_at: Timestamp::from_millis(self.created_at),
        })
    }
}

/// Checks that an append's events follow the head they are to follow.
pub(in crate::store) fn check_order(append: &Append) -> QueryResult<()> {
    let expected = append.expected_head.number() + 1..;
    if append.events.iter().zip(expected).all(|(event, expected)| event.sequence.number() == expected) {
        return Ok(());
    }
    Err(unreadable(format!("events do not follow {}", append.expected_head)))
}

/// A row that no version of this program has written, or a write that contradicts itself.
pub(in crate::store) fn unreadable(what: impl Into<Box<dyn error::Error + Send + Sync>>) -> Error {
    Error::DeserializationError(what.into())
}

pub(in crate::store) fn user_to_text(user: Option<&UserId>) -> &str {
    user.map_or("", UserId::as_str)
}

pub(in crate::store) fn payload_to_text(payload: &Payload) -> String {
    payload.as_str().to_owned()
}

pub(in crate::store) fn players_to_text(players: &[UserId]) -> QueryResult<String> {
    serde_json::to_string(players).map_err(|error| Error::SerializationError(error.into()))
}

/// SQL's integers are signed. No sequence or version comes near the difference.
pub(in crate::store) fn from_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(in crate::store) fn to_number(number: i64) -> QueryResult<u64> {
    u64::try_from(number).map_err(unreadable)
}

pub(in crate::store) fn to_sequence(number: i64) -> QueryResult<Sequence> {
    to_number(number).map(Sequence::new)
}

fn to_generation(number: i64) -> QueryResult<Generation> {
    u32::try_from(number).map(Generation::new).map_err(unreadable)
}

pub(in crate::store) fn to_session(text: &str) -> QueryResult<SessionId> {
    SessionId::parse(text).ok_or_else(|| unreadable("a session's id"))
}
