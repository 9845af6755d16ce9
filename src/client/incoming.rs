//! The frames a server sends, told apart.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ClientError, Event, Timer, Welcome};

/// One frame from the server.
#[derive(Debug, Clone)]
pub enum Incoming {
    Resume(Box<Welcome>),
    Replay(Event),
    Live(Event),
    Ack {
        user_id: String,
        sequence: u64,
        backlog: u64,
    },
    Presence {
        user_id: String,
        online: bool,
        at: u64,
    },
    /// What the clocks show.
    Time(Box<Timer>),
    Draining {
        reconnect_after_ms: u64,
    },
    /// What the `ping` carried, and `serverTime`, as it arrived.
    Pong(Box<RawValue>),
    Error(Refusal),
    /// A type this client does not know.
    Other {
        frame_type: String,
        payload: Box<RawValue>,
    },
}

/// Why the server refused a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub code: String,
    pub message: String,
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    pub retry_after_ms: Option<u64>,
    pub head_sequence: Option<u64>,
}

impl Incoming {
    /// Reads one text frame.
    ///
    /// # Errors
    /// `Malformed`: not an envelope, or a known type whose payload lacks what the protocol promises.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let envelope: Envelope = serde_json::from_str(text).map_err(ClientError::malformed)?;
        let frame_type = envelope.frame_type;
        Self::of_type(&frame_type, envelope.payload).map_err(|error| match error {
            ClientError::Malformed { reason } => ClientError::malformed(format!("{frame_type}: {reason}")),
            other => other,
        })
    }

    fn of_type(frame_type: &str, payload: &RawValue) -> Result<Self, ClientError> {
        let incoming = match frame_type {
            "GAME_RESUME" => Self::Resume(read(payload)?),
            "GAME_REPLAY" => Self::Replay(Event::replayed(payload.get())?),
            "GAME_ACK" => {
                let Ack { user_id, sequence, backlog } = read(payload)?;
                Self::Ack { user_id, sequence, backlog }
            }
            "GAME_PRESENCE" => {
                let Presence { user_id, online, at } = read(payload)?;
                Self::Presence { user_id, online, at }
            }
            "GAME_TIME" => Self::Time(read(payload)?),
            "DRAINING" => {
                let Draining { reconnect_after_ms } = read(payload)?;
                Self::Draining { reconnect_after_ms }
            }
            "PONG" => Self::Pong(payload.to_owned()),
            "ERROR" => Self::Error(read(payload)?),
            other => match other.strip_prefix("GAME_") {
                Some(event_type) => Self::Live(Event::live(event_type.to_ascii_lowercase(), payload.get())?),
                None => Self::Other { frame_type: other.to_owned(), payload: payload.to_owned() },
            },
        };
        Ok(incoming)
    }
}

impl Refusal {
    /// Whether the same message may be accepted a little later.
    pub fn is_passing(&self) -> bool {
        matches!(self.code.as_str(), "rate_limited" | "backpressure" | "unavailable" | "unknown" | "internal")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    frame_type: String,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ack {
    user_id: String,
    sequence: u64,
    backlog: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Presence {
    user_id: String,
    online: bool,
    at: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draining {
    reconnect_after_ms: u64,
}

fn read<'a, T: Deserialize<'a>>(payload: &'a RawValue) -> Result<T, ClientError> {
    serde_json::from_str(payload.get()).map_err(ClientError::malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(frame_type: &str, payload: &str) -> String {
        format!(
            r#"{{"type":"{frame_type}","payload":{payload},"timestamp":"2026-01-02T03:04:05.678Z","senderId":null}}"#
        )
    }

    #[test]
    fn a_live_frame_is_named_after_its_type() {
        let text = envelope(
            "GAME_BIG_ROLL",
            r#"{"gameId":"g","userId":"ann","sequence":2,"big_roll":{"x":1.0},"createdAt":9}"#,
        );

        let Incoming::Live(event) = Incoming::parse(&text).unwrap() else { panic!("not live: {text}") };

        assert_eq!((event.event_type.as_str(), event.payload.get()), ("big_roll", r#"{"x":1.0}"#));
    }

    #[test]
    fn a_refusal_keeps_what_a_retry_needs() {
        let text = envelope("ERROR", r#"{"code":"backpressure","message":"busy","ref":"r1","retryAfterMs":40}"#);

        let Incoming::Error(refusal) = Incoming::parse(&text).unwrap() else { panic!("not an error: {text}") };

        assert!(refusal.is_passing());
        assert_eq!((refusal.reference.as_deref(), refusal.retry_after_ms), (Some("r1"), Some(40)));
    }

    #[test]
    fn a_spectator_is_welcomed_without_a_session() {
        let text = envelope(
            "GAME_RESUME",
            r#"{"gameId":"g","userId":"eve","role":"spectator","sessionId":null,"token":null,"issuedAt":null,
                "expiresAt":null,"lastSequence":0,"headSequence":4,"floorSequence":4,"epoch":"e1","resumed":false,
                "recovered":false,"replayCount":0,"heartbeatIntervalMs":10000,"maxMessageBytes":65536,"serverTime":1,
                "summary":{"sequence":4,"state":{"n":1e2}},
                "players":[{"userId":"ann","online":true,"lastAckSequence":4}]}"#,
        );

        let Incoming::Resume(welcome) = Incoming::parse(&text).unwrap() else { panic!("not a welcome: {text}") };

        assert_eq!(
            (welcome.role, welcome.token.clone(), welcome.own_ack()),
            (super::super::Role::Spectator, None, None)
        );
        assert_eq!(welcome.summary.unwrap().state.get(), r#"{"n":1e2}"#);
    }

    #[test]
    fn clocks_are_told_by_player() {
        let text = envelope(
            "GAME_TIME",
            r#"{"active":"ann","remainingMs":{"bob":60000,"ann":57000},"paused":false,"serverTime":5,
                "config":{"preset":"CUSTOM","totalTimeMs":60000,"incrementMs":0,"delayMs":0,"turnTypes":["move"],
                "onDisconnect":"run","graceMs":15000}}"#,
        );

        let Incoming::Time(timer) = Incoming::parse(&text).unwrap() else { panic!("no time: {text}") };

        assert_eq!(
            (timer.running(), timer.remaining_of("ann"), timer.remaining_of("eve")),
            (Some("ann"), Some(57_000), None)
        );
    }

    #[test]
    fn a_promise_that_is_not_kept_names_the_frame() {
        let error = Incoming::parse(&envelope("GAME_ACK", r#"{"gameId":"g","userId":"ann"}"#)).unwrap_err();

        assert_eq!(error.to_string(), "outside the protocol: GAME_ACK: missing field `sequence` at line 1 column 29");
    }

    #[test]
    fn a_type_nobody_knows_is_kept_as_it_came() {
        let incoming = Incoming::parse(&envelope("NEWS", r#"{"a":1.0}"#)).unwrap();

        assert!(matches!(incoming, Incoming::Other { frame_type, payload }
            if frame_type == "NEWS" && payload.get() == r#"{"a":1.0}"#));
    }
}
