//! What the frames of one connection mean: texts in become commands, deliveries become texts.
//!
//! No actor and no socket: takes input, returns effects. The connection as it comes in and the one that is in are
//! different things: nothing is read from a client before it has been welcomed.

use std::time::Duration;

use bytestring::ByteString;

use super::metrics::Kind;
use crate::{
    domain::{Event, EventRef, GameId, NewEvent, ResumeToken, Sequence, SessionId, Timestamp, TokenKeys, UserId},
    edge::error::Answer,
    shard::{Delivery, FrameKind, messages::Welcome},
    wire::{
        client_frame::{ClientMessage, Refused},
        server_frame::{self, Refusal, Resume},
    },
};

/// What a client's text asks for.
pub enum Wanted {
    Record(NewEvent),
    Acknowledge(Sequence),
    /// Nothing of the game: this is the answer.
    Answer(Kind, ByteString),
}

/// Limits that a client is told of.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub max_item_bytes: usize,
    pub max_message_bytes: usize,
    pub heartbeat_interval: Duration,
}

/// A connection that is in its game.
pub struct Session {
    game_id: GameId,
    user_id: UserId,
    session_id: Option<SessionId>,
    /// What was recorded up to here is replayed; what comes after it is live.
    replay_until: Sequence,
    /// The last event sent.
    sent: Sequence,
    terms: Terms,
}

/// What is to be sent, in order, and whether there is more to ask for.
#[derive(Default)]
pub struct Output {
    pub frames: Vec<(Kind, ByteString)>,
    pub ask_after: Option<Sequence>,
}

impl Session {
    /// Starts with what a connection is told first.
    #[must_use]
    pub fn begin(game_id: GameId, welcome: &Welcome, keys: &TokenKeys, terms: Terms, now: Timestamp) -> (Self, Output) {
        let token = welcome.session.map(|session| {
            keys.sign(&ResumeToken {
                session_id: session.session_id,
                generation: session.generation,
                game_id: game_id.clone(),
                user_id: welcome.user_id.clone(),
            })
        });
        let players: Vec<_> =
            welcome.players.iter().map(|player| (&player.user_id, player.online, player.last_ack)).collect();
        let frame = server_frame::resume(
            &Resume {
                game_id: &game_id,
                user_id: &welcome.user_id,
                role: welcome.role,
                session: welcome
                    .session
                    .zip(token.as_deref())
                    .map(|(session, token)| (session.session_id, token, session.expires_at)),
                issued_at: welcome.session.map_or(now, |session| session.issued_at),
                last_sequence: welcome.from,
                head: welcome.head,
                floor: welcome.floor,
                epoch: welcome.epoch,
                resumed: welcome.resumed,
                recovered: welcome.gap.is_none(),
                heartbeat_interval: terms.heartbeat_interval,
                max_message_bytes: terms.max_message_bytes,
                timer: welcome.timer.as_ref(),
                summary: welcome.summary.as_ref(),
                players: &players,
            },
            now,
        );
        let mut session = Self {
            user_id: welcome.user_id.clone(),
            session_id: welcome.session.map(|session| session.session_id),
            replay_until: welcome.head,
            sent: welcome.from,
            game_id,
            terms,
        };
        let mut output = Output { frames: vec![(Kind::Other, frame)], ask_after: None };
        session.page(welcome.events.iter().map(AsRef::as_ref), welcome.more, now, &mut output);
        (session, output)
    }

    /// Whether everything missed has been sent.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        self.sent >= self.replay_until
    }

    /// The seat's session; a spectator has none.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        self.session_id
    }

    /// The connection's game.
    #[must_use]
    pub fn game_id(&self) -> &GameId {
        &self.game_id
    }

    /// The connection's user.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Reads a text of the client.
    #[must_use]
    pub fn read(&self, text: &str, now: Timestamp) -> (Kind, Wanted) {
        match ClientMessage::read(text, self.terms.max_item_bytes) {
            Ok(ClientMessage::Record(event)) => (Kind::Event, Wanted::Record(event)),
            Ok(ClientMessage::Acknowledge(sequence)) => (Kind::Ack, Wanted::Acknowledge(sequence)),
            Ok(ClientMessage::Ping(payload)) => {
                (Kind::Other, Wanted::Answer(Kind::Other, server_frame::pong(&payload, now)))
            }
            Err(Refused { code, message, client_ref }) => {
                let refusal =
                    Refusal { code, message: &message, client_ref: client_ref.as_ref(), retry_after: None, head: None };
                (Kind::Other, Wanted::Answer(Kind::Error, server_frame::error(&refusal, now)))
            }
        }
    }

    /// Refuses a text that came too fast.
    #[must_use]
    pub fn refuse_haste(&self, text: &str, wait: Duration, now: Timestamp) -> ByteString {
        let client_ref = match ClientMessage::read(text, self.terms.max_item_bytes) {
            Ok(ClientMessage::Record(event)) => event.client_ref,
            Ok(ClientMessage::Acknowledge(_) | ClientMessage::Ping(_)) => None,
            Err(refused) => refused.client_ref,
        };
        let refusal = Refusal {
            code: "rate_limited",
            message: "messages come faster than this connection may send them",
            client_ref: client_ref.as_ref(),
            retry_after: Some(wait.max(Duration::from_millis(1))),
            head: None,
        };
        server_frame::error(&refusal, now)
    }

    /// Refuses a message for a reason of the game's.
    #[must_use]
    pub fn refuse(client_ref: Option<&EventRef>, answer: &Answer, now: Timestamp) -> ByteString {
        let Answer { code, message, retry_after, head_sequence, .. } = answer;
        let code = code.on_socket();
        let refusal = Refusal { code, message, client_ref, retry_after: *retry_after, head: *head_sequence };
        server_frame::error(&refusal, now)
    }

    /// Writes a delivery.
    pub fn write(&mut self, delivery: Delivery, now: Timestamp) -> Output {
        let mut output = Output::default();
        match delivery {
            // A connection is welcomed once, and that began this session.
            Delivery::Welcome(_) => {}
            Delivery::Page { events, more } => self.page(events.iter().map(AsRef::as_ref), more, now, &mut output),
            Delivery::Shared(frame) => output.frames.push((
                match frame.kind {
                    FrameKind::Event(sequence) => {
                        self.sent = self.sent.max(sequence);
                        Kind::Event
                    }
                    FrameKind::Presence => Kind::Presence,
                    FrameKind::Time => Kind::Time,
                },
                frame.text,
            )),
            Delivery::Acknowledged { sequence, backlog } => {
                let frame = server_frame::ack(&self.game_id, &self.user_id, sequence, backlog, now);
                output.frames.push((Kind::Ack, frame));
            }
            Delivery::Refused { client_ref, error } => {
                output.frames.push((Kind::Error, Self::refuse(client_ref.as_ref(), &Answer::from(&error), now)));
            }
        }
        output
    }

    fn page<'a>(&mut self, events: impl Iterator<Item = &'a Event>, more: bool, now: Timestamp, output: &mut Output) {
        for event in events {
            self.sent = event.sequence;
            output.frames.push(if event.sequence <= self.replay_until {
                (Kind::Replay, server_frame::replay(&self.game_id, event, now))
            } else {
                (Kind::Event, server_frame::live(&self.game_id, event))
            });
        }
        output.ask_after = more.then_some(self.sent);
    }
}
