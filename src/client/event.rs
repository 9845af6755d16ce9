//! One recorded event, as it comes live or in a replay.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ClientError;

/// Something that happened in a game. Equal only where every byte of the payload is.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its place in the game: 1, 2, 3, …
    pub sequence: u64,
    /// Its type as it was sent, `move` for example.
    pub event_type: String,
    /// Its payload, byte for byte as it arrived.
    pub payload: Box<RawValue>,
    /// Who sent it; `None` for the service itself.
    pub user_id: Option<String>,
    /// What its sender called it.
    pub reference: Option<String>,
    /// When it was recorded, in milliseconds since 1970.
    pub created_at_ms: u64,
}

impl Event {
    /// Reads the payload of a `GAME_REPLAY` frame.
    pub(super) fn replayed(payload: &str) -> Result<Self, ClientError> {
        let replay: Replay = serde_json::from_str(payload).map_err(ClientError::malformed)?;
        Ok(Self {
            sequence: replay.sequence,
            event_type: replay.message.event_type,
            payload: replay.message.payload,
            user_id: replay.user_id,
            reference: replay.reference,
            created_at_ms: replay.created_at,
        })
    }

    /// Reads the payload of a live frame, which carries the event's own under the name of its type.
    pub(super) fn live(event_type: String, payload: &str) -> Result<Self, ClientError> {
        // Through a map of untouched values, because the name of one field differs with each frame.
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(payload).map_err(ClientError::malformed)?;
        Ok(Self {
            sequence: field(&fields, "sequence")?,
            payload: field(&fields, &event_type)?,
            user_id: field(&fields, "userId")?,
            reference: fields.contains_key("ref").then(|| field(&fields, "ref")).transpose()?,
            created_at_ms: field(&fields, "createdAt")?,
            event_type,
        })
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
            && self.event_type == other.event_type
            && self.payload.get() == other.payload.get()
            && self.user_id == other.user_id
            && self.reference == other.reference
            && self.created_at_ms == other.created_at_ms
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replay {
    sequence: u64,
    message: Message,
    user_id: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    created_at: u64,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    event_type: String,
    payload: Box<RawValue>,
}

fn field<'a, T: Deserialize<'a>>(fields: &BTreeMap<String, &'a RawValue>, name: &str) -> Result<T, ClientError> {
    let value = fields.get(name).ok_or_else(|| ClientError::malformed(format!("no `{name}` in a live event")))?;
    serde_json::from_str(value.get()).map_err(|error| ClientError::malformed(format!("`{name}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: &str = r#"{"b":1.0, "a":1e2,"a":"\u00e9","n":1234567890123456789012345678901234567890}"#;

    #[test]
    fn payload_bytes_survive_live_and_in_replay() {
        let live = format!(r#"{{"gameId":"g","userId":"ann","sequence":7,"move":{ODD},"ref":"r1","createdAt":5}}"#);
        let replay = format!(
            r#"{{"gameId":"g","sequence":7,"message":{{"type":"move","payload":{ODD}}},"userId":"ann","ref":"r1","createdAt":5}}"#
        );

        let live = Event::live("move".into(), &live).unwrap();
        let replayed = Event::replayed(&replay).unwrap();

        assert_eq!(live.payload.get(), ODD);
        assert_eq!(live, replayed);
    }

    #[test]
    fn an_event_of_the_service_has_no_user_and_no_reference() {
        let event = Event::live(
            "flag_fall".into(),
            r#"{"gameId":"g","userId":null,"sequence":3,"flag_fall":{"userId":"ann"},"createdAt":5}"#,
        )
        .unwrap();

        assert_eq!((event.user_id, event.reference), (None, None));
    }

    #[test]
    fn a_live_event_without_its_payload_is_malformed() {
        let result = Event::live("move".into(), r#"{"gameId":"g","userId":"ann","sequence":3,"createdAt":5}"#);

        assert!(matches!(result, Err(ClientError::Malformed { .. })));
    }
}
