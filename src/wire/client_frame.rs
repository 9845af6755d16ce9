//! What a game client sends, read and judged.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::{EventRef, EventType, NewEvent, Payload, Sequence, UserId};

/// A message of a client.
#[derive(Debug)]
pub enum ClientMessage {
    /// Record an event. Its user is whoever the connection belongs to.
    Record(NewEvent),
    /// Everything up to here has been processed.
    Acknowledge(Sequence),
    /// Answer with the same.
    Ping(Payload),
}

/// A message that is refused, with what its sender is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: &'static str,
    pub message: String,
    pub client_ref: Option<EventRef>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(rename = "ref", borrow)]
    client_ref: Option<Cow<'a, str>>,
    expect: Option<u64>,
    #[serde(borrow)]
    next: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct AckPayload {
    sequence: u64,
}

#[derive(Deserialize)]
struct RefOnly {
    #[serde(rename = "ref")]
    client_ref: Option<String>,
}

impl ClientMessage {
    /// Reads a text message. Payloads may have up to `max_item_bytes`.
    ///
    /// # Errors
    /// `invalid_message`, naming what was wrong and what was expected, or `too_large`.
    pub fn read(text: &str, max_item_bytes: usize) -> Result<Self, Refused> {
        // A reader of structs takes an array of their fields as well.
        if !text.trim_start().starts_with('{') {
            return Err(invalid("a JSON object is expected".to_owned(), None));
        }
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| malformed(text))?;
        let client_ref = match envelope.client_ref.as_deref().map(EventRef::parse).transpose() {
            Ok(client_ref) => client_ref,
            Err(error) => return Err(invalid(error.to_string(), None)),
        };
        let refuse = |message: String| invalid(message, client_ref.clone());
        if envelope.payload.is_some_and(|payload| payload.get().len() > max_item_bytes) {
            let message = format!("payload must not be longer than {max_item_bytes} bytes");
            return Err(Refused { code: "too_large", message, client_ref });
        }
        let payload = envelope.payload.map_or_else(|| Ok(Payload::empty()), |raw| Payload::from_json(raw.get()));
        let payload = payload.map_err(|error| refuse(format!("payload {error}")))?;
        match envelope.kind.as_ref() {
            "GAME_ACK" | "game_ack" | "ack" => {
                let ack: AckPayload = serde_json::from_str(payload.as_str())
                    .map_err(|error| refuse(format!("payload.sequence: {error}")))?;
                Ok(Self::Acknowledge(Sequence::new(ack.sequence)))
            }
            "ping" => Ok(Self::Ping(payload)),
            kind => {
                let event_type = EventType::parse(kind).map_err(|error| refuse(error.to_string()))?;
                let next = envelope.next.as_deref().map(UserId::parse).transpose();
                let next = next.map_err(|error| refuse(format!("next: {error}")))?;
                let expect = envelope.expect.map(Sequence::new);
                Ok(Self::Record(NewEvent { event_type, payload, user_id: None, client_ref, expect, next }))
            }
        }
    }
}

fn invalid(message: String, client_ref: Option<EventRef>) -> Refused {
    Refused { code: "invalid_message", message, client_ref }
}

/// Says what is wrong with a text that is no envelope, and to which of the client's messages that refers.
fn malformed(text: &str) -> Refused {
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = match serde_path_to_error::deserialize::<_, Envelope<'_>>(&mut reader) {
        Err(error) if error.path().iter().next().is_some() => format!("{}: {}", error.path(), error.inner()),
        Err(error) => error.into_inner().to_string(),
        Ok(_) => "one JSON object is expected, and nothing after it".to_owned(),
    };
    let client_ref = serde_json::from_str::<RefOnly>(text).ok().and_then(|read| read.client_ref);
    invalid(message, client_ref.and_then(|text| EventRef::parse(&text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientMessage, Refused> {
        ClientMessage::read(text, 1_000)
    }

    #[test]
    fn an_event_keeps_its_payload_as_it_was_sent() {
        let text =
            r#"{ "ref":"r1", "payload": {"b":1.0, "a":1e2,"a":"\u00e9"} , "type":"move", "expect": 4, "x": [1] }"#;

        let ClientMessage::Record(event) = read(text).unwrap() else { panic!("not an event") };

        assert_eq!(event.payload.as_str(), r#"{"b":1.0, "a":1e2,"a":"\u00e9"}"#);
        assert_eq!(event.client_ref, EventRef::parse("r1").ok());
        assert_eq!(event.expect, Some(Sequence::new(4)));
    }

    #[test]
    fn an_acknowledgement_has_three_names() {
        for name in ["GAME_ACK", "game_ack", "ack"] {
            let text = format!(r#"{{"type":"{name}","payload":{{"sequence":7}}}}"#);
            assert!(matches!(read(&text), Ok(ClientMessage::Acknowledge(sequence)) if sequence == Sequence::new(7)));
        }
    }

    #[test]
    fn a_refusal_says_what_was_wrong() {
        for (text, said) in [
            ("", "a JSON object is expected"),
            ("nonsense", "a JSON object is expected"),
            (r#"["move",{},null,null,null]"#, "a JSON object is expected"),
            (r#"{"type""#, "EOF"),
            ("{}", "missing field `type`"),
            (r#"{"type":5}"#, "type: invalid type: integer"),
            (r#"{"type":"Move"}"#, "type must match"),
            (r#"{"type":"resume"}"#, "kept for the service"),
            (r#"{"type":"move","payload":[1]}"#, "payload must be a JSON object"),
            (r#"{"type":"move","expect":"4"}"#, "expect: invalid type: string"),
            (r#"{"type":"move","expect":-1}"#, "expect: invalid value"),
            (r#"{"type":"move","ref":7}"#, "ref: invalid type: integer"),
            (r#"{"type":"move","ref":""}"#, "ref must be"),
            (r#"{"type":"move","next":"a b"}"#, "next: userId must be"),
            (r#"{"type":"ack","payload":{}}"#, "payload.sequence: missing field"),
            (r#"{"type":"move"} x"#, "nothing after it"),
        ] {
            let refused = read(text).unwrap_err();
            assert_eq!(refused.code, "invalid_message", "{text}");
            assert!(refused.message.contains(said), "{text}: {}", refused.message);
        }
    }

    #[test]
    fn a_refusal_names_the_message_where_that_can_be_read() {
        assert_eq!(read(r#"{"type":5,"ref":"r9"}"#).unwrap_err().client_ref, EventRef::parse("r9").ok());
    }

    #[test]
    fn a_payload_beyond_the_limit_is_too_large() {
        let text = format!(r#"{{"type":"move","payload":{{"a":"{}"}}}}"#, "x".repeat(1_000));

        assert_eq!(read(&text).unwrap_err().code, "too_large");
    }

    #[test]
    fn a_thousand_levels_are_refused() {
        let nested = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
        let text = format!(r#"{{"type":"move","payload":{{"a":{nested}}}}}"#);

        assert!(ClientMessage::read(&text, 100_000).unwrap_err().message.contains("deeper than"));
    }
}
