//! Events and acknowledgements in HTTP bodies.

use serde::{Deserialize, Deserializer, Serialize};

use super::verbatim;
use crate::domain::{Epoch, Event, EventRef, EventType, NewEvent, Payload, Sequence, Timestamp, UserId};

/// An event to be recorded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordBody {
    #[serde(rename = "type", deserialize_with = "event_type")]
    pub event_type: EventType,
    #[serde(deserialize_with = "verbatim::read")]
    pub payload: Payload,
    pub user_id: Option<UserId>,
    #[serde(default, rename = "ref", deserialize_with = "client_ref")]
    pub client_ref: Option<EventRef>,
    pub expect: Option<Sequence>,
    /// Who has the turn after it. Means nothing in a game without clocks.
    pub next: Option<UserId>,
}

impl From<RecordBody> for NewEvent {
    fn from(body: RecordBody) -> Self {
        let RecordBody { event_type, payload, user_id, client_ref, expect, next } = body;
        Self { event_type, payload, user_id, client_ref, expect, next }
    }
}

fn event_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventType, D::Error> {
    verbatim::parsed(deserializer, EventType::parse)
}

fn client_ref<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EventRef>, D::Error> {
    use serde::de::Error;
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| EventRef::parse(&text).map_err(D::Error::custom)).transpose()
}

/// An event that is durable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedBody {
    pub sequence: Sequence,
    pub epoch: Epoch,
    pub created_at: Timestamp,
}

/// Events of a game.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsBody<'a> {
    pub events: Vec<EventBody<'a>>,
    pub head_sequence: Sequence,
    pub floor_sequence: Sequence,
    pub epoch: Epoch,
    pub recovered: bool,
}

/// One event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventBody<'a> {
    sequence: Sequence,
    r#type: &'a str,
    #[serde(serialize_with = "verbatim::write")]
    payload: &'a Payload,
    user_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#ref: Option<&'a str>,
    created_at: Timestamp,
}

impl<'a> From<&'a Event> for EventBody<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            sequence: event.sequence,
            r#type: event.event_type.as_str(),
            payload: &event.payload,
            user_id: event.user_id.as_ref(),
            r#ref: event.client_ref.as_ref().map(EventRef::as_str),
            created_at: event.created_at,
        }
    }
}

/// An acknowledgement to be taken in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AckBody {
    pub user_id: UserId,
    pub sequence: Sequence,
}

/// Where a user stands after an acknowledgement.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AckedBody {
    pub sequence: Sequence,
    pub backlog: u64,
    pub floor_sequence: Sequence,
}
