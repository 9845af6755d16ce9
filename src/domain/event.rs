//! What happens in a game, and what it takes to be recorded.
//!
//! Owns the alphabet of event types and refs and the shape of payloads. Payloads are kept as the text that was sent.

use std::{fmt, sync::Arc};

use super::{FlagFall, Sequence, Timestamp, UserId};

/// One recorded thing that happened in a game. Durable, and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub sequence: Sequence,
    pub event_type: EventType,
    pub payload: Payload,
    /// Who did it; `None` for the service or a backend in no user's name.
    pub user_id: Option<UserId>,
    pub client_ref: Option<EventRef>,
    pub created_at: Timestamp,
}

impl Event {
    /// What the service itself records when a clock has reached zero.
    #[must_use]
    pub fn of_flag_fall(FlagFall { user_id, at }: FlagFall, sequence: Sequence) -> Self {
        Self {
            sequence,
            event_type: EventType(FLAG_FALL.into()),
            payload: Payload(format!(r#"{{"userId":"{user_id}","remainingMs":0}}"#).into()),
            user_id: None,
            client_ref: None,
            created_at: at,
        }
    }

    /// Memory that one event takes, in bytes: its texts, itself, and the counter that shares it.
    #[must_use]
    pub fn accounted_bytes(&self) -> usize {
        let texts = [
            self.event_type.0.len() + SHARED,
            self.payload.0.len(),
            self.user_id.as_ref().map_or(0, |user| user.as_str().len() + SHARED),
            self.client_ref.as_ref().map_or(0, |text| text.0.len() + SHARED),
        ];
        size_of::<Self>()
            + SHARED
            + size_of::<Arc<Self>>()
            + texts.iter().map(|bytes| bytes + ALLOCATION).sum::<usize>()
    }
}

/// What a text or an event that is shared has before it: how often.
pub(super) const SHARED: usize = 2 * size_of::<usize>();
/// What an allocator adds to a small allocation, on average: half its size class and its share of the page's head.
pub(super) const ALLOCATION: usize = 16;

/// An event somebody asks to record.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub event_type: EventType,
    pub payload: Payload,
    pub user_id: Option<UserId>,
    pub client_ref: Option<EventRef>,
    /// Record only if this is the head when its turn comes.
    pub expect: Option<Sequence>,
    /// Who has the turn after it, where it ends one; else the following player.
    pub next: Option<UserId>,
}

impl NewEvent {
    /// Gives the event its place and time.
    #[must_use]
    pub fn at(self, sequence: Sequence, created_at: Timestamp) -> Event {
        let NewEvent { event_type, payload, user_id, client_ref, expect: _, next: _ } = self;
        Event { sequence, event_type, payload, user_id, client_ref, created_at }
    }
}

/// Why a text is no event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidType {
    #[error("type must match [a-z][a-z0-9_]{{0,31}}")]
    Alphabet,
    #[error("type `{0}` is kept for the service")]
    Reserved(&'static str),
}

/// Kind of an event: `move`, `roll`, `chat`, ….
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventType(Arc<str>);

/// Types that would let a player forge the service's own frames (`GAME_RESUME`, …) or fields (`sequence`, `ref`) at
/// the other players' tables. See docs/decisions/0003-reserved-types.md.
const RESERVED: [&str; 9] = ["ack", "game_ack", "ping", "resume", "replay", "presence", "time", "sequence", "ref"];

/// Recorded by the service alone, when a clock has run out.
const FLAG_FALL: &str = "flag_fall";

impl EventType {
    /// Reads the type of an event that somebody else than the service wants recorded.
    ///
    /// # Errors
    /// `Alphabet`: no such name is possible. `Reserved`: only the service may use it.
    pub fn parse(text: &str) -> Result<Self, InvalidType> {
        if let Some(reserved) = RESERVED.into_iter().chain([FLAG_FALL]).find(|reserved| *reserved == text) {
            return Err(InvalidType::Reserved(reserved));
        }
        Self::from_store(text)
    }

    /// Reads the type of an event that was recorded before.
    ///
    /// # Errors
    /// `Alphabet`: no such event was ever recorded.
    pub fn from_store(text: &str) -> Result<Self, InvalidType> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if first && rest && text.len() <= 32 { Ok(Self(text.into())) } else { Err(InvalidType::Alphabet) }
    }

    /// Whether a clock has run out.
    #[must_use]
    pub fn is_flag_fall(&self) -> bool {
        *self.0 == *FLAG_FALL
    }

    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A sender's own name for an event, which makes a retry safe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventRef(Arc<str>);

/// Why a text is no ref.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ref must be 1 to 64 bytes without control characters")]
pub struct InvalidRef;

impl EventRef {
    /// Reads a ref.
    ///
    /// # Errors
    /// `InvalidRef`: empty, longer than 64 bytes, or with control characters (which not every store can keep).
    pub fn parse(text: &str) -> Result<Self, InvalidRef> {
        let fits = (1..=64).contains(&text.len());
        if fits && !text.chars().any(char::is_control) { Ok(Self(text.into())) } else { Err(InvalidRef) }
    }

    /// The ref as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A JSON object, as the very text that was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Box<str>);

/// Deepest nesting of arrays and objects in a payload. Readers in other languages refuse not much more.
pub const MAX_DEPTH: usize = 128;

/// Why a JSON text is no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    #[error("must be a JSON object")]
    NoObject,
    #[error("must not nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl Payload {
    /// Takes a text that a JSON parser has accepted; what is checked here is only what such a parser lets pass.
    ///
    /// # Errors
    /// `NoObject`: a number, string, array, …. `TooDeep`: nested beyond [`MAX_DEPTH`].
    pub fn from_json(json: &str) -> Result<Self, InvalidPayload> {
        let json = json.trim_matches([' ', '\t', '\r', '\n']);
        if !json.starts_with('{') {
            return Err(InvalidPayload::NoObject);
        }
        if depth(json) > MAX_DEPTH {
            return Err(InvalidPayload::TooDeep);
        }
        Ok(Self(json.into()))
    }

    /// Takes a text that was a payload before, out of a store.
    #[must_use]
    pub fn from_store(json: String) -> Self {
        Self(json.into_boxed_str())
    }

    /// The empty object.
    #[must_use]
    pub fn empty() -> Self {
        Self("{}".into())
    }

    /// The text as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// Deepest nesting of a valid JSON text. Linear in its length, constant in memory.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_lower_case_and_at_most_32_bytes() {
        for good in ["move", "a", "double_2", &"x".repeat(32)] {
            assert!(EventType::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "Move", "2x", "_x", "a-b", &"x".repeat(33), "é"] {
            assert_eq!(EventType::parse(bad), Err(InvalidType::Alphabet), "{bad}");
        }
    }

    #[test]
    fn a_player_cannot_record_what_only_the_service_says() {
        for reserved in ["flag_fall", "resume", "sequence"] {
            assert_eq!(EventType::parse(reserved), Err(InvalidType::Reserved(reserved)));
        }
        assert!(EventType::from_store("flag_fall").is_ok());
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings_only() {
        assert_eq!(depth(r#"{"a":"[[[{\"[","b":[1,{"c":2}],"d":[]}"#), 3);
    }

    #[test]
    fn a_payload_is_an_object_of_bounded_depth() {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));

        assert!(Payload::from_json(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Payload::from_json(&nested(MAX_DEPTH + 1)).unwrap_err(), InvalidPayload::TooDeep);
        assert_eq!(Payload::from_json("[1]").unwrap_err(), InvalidPayload::NoObject);
    }

    #[test]
    fn a_ref_has_no_control_characters() {
        assert!(EventRef::parse("7f é").is_ok());
        for bad in ["", "a\0b", &"x".repeat(65)] {
            assert_eq!(EventRef::parse(bad), Err(InvalidRef));
        }
    }
}
