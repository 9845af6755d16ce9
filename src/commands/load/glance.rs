//! Reads of a frame only what a load run needs: its type, its place, its name, and when it was sent. Pure.
//!
//! One pass, and nothing is copied: what a delivery costs the load is not there for the server any more.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::ClientError;

/// One frame, as far as it matters. Fields that a type of frame does not have are `None`.
#[derive(Debug, Deserialize)]
pub struct Glance<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    #[serde(borrow)]
    pub payload: Body<'a>,
}

/// What the payloads of all types of frames have, taken together.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body<'a> {
    pub sequence: Option<u64>,
    pub user_id: Option<&'a str>,
    #[serde(rename = "ref")]
    pub reference: Option<&'a str>,
    pub code: Option<&'a str>,
    pub retry_after_ms: Option<u64>,
    pub reconnect_after_ms: Option<u64>,
    #[serde(rename = "move")]
    live: Option<Stamp>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// The payload of a move of ours.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Stamp {
    at: u64,
}

#[derive(Deserialize)]
struct Message {
    payload: Stamp,
}

impl<'a> Glance<'a> {
    /// Looks at a frame.
    ///
    /// # Errors
    /// `Malformed`: it is not one, or says what no frame of a load run says.
    pub fn at(text: &'a str) -> Result<Self, ClientError> {
        serde_json::from_str(text).map_err(|error| ClientError::Malformed { reason: error.to_string() })
    }
}

impl Body<'_> {
    /// When the move was meant to be sent, in microseconds since the run began; `None` where it is no move of ours.
    pub fn sent_at(&self) -> Option<u64> {
        let replayed = || serde_json::from_str::<Message>(self.message?.get()).ok().map(|message| message.payload);
        self.live.or_else(replayed).map(|stamp| stamp.at)
    }
}

/// Writes a move: its place, which names it, when it was meant to be sent, and as many bytes of payload as asked for.
pub fn write_move(sequence: u64, at: u64, payload_bytes: usize) -> String {
    let mut text = String::with_capacity(payload_bytes + 64);
    text.push_str(r#"{"type":"move","payload":"#);
    write_payload(&mut text, at, payload_bytes);
    write!(text, r#","ref":"m{sequence}"}}"#).expect("writing into a String never fails");
    text
}

/// The payload of a move alone.
pub fn payload(at: u64, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes.max(40));
    write_payload(&mut text, at, bytes);
    text
}

fn write_payload(text: &mut String, at: u64, bytes: usize) {
    const END: &str = r#""}"#;
    let began = text.len();
    write!(text, r#"{{"at":{at},"pad":""#).expect("writing into a String never fails");
    // Not sign by sign, which would be most of what a move costs the load.
    let mut missing = bytes.saturating_sub(text.len() - began + END.len());
    while missing > 0 {
        let piece = missing.min(PADDING.len());
        text.push_str(&PADDING[..piece]);
        missing -= piece;
    }
    text.push_str(END);
}

const PADDING: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Whether this names the move at this place.
pub fn names(reference: &str, sequence: u64) -> bool {
    reference.strip_prefix('m').is_some_and(|number| number.parse() == Ok(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_live_or_replayed_says_where_it_is_and_when_it_was_sent() {
        let live = r#"{"type":"GAME_MOVE","payload":{"gameId":"g","userId":"u","sequence":7,"move":{"at":12,"pad":"x"},
            "ref":"m7","createdAt":5},"timestamp":"t","senderId":"u"}"#;
        let replayed = r#"{"type":"GAME_REPLAY","payload":{"gameId":"g","sequence":7,"message":{"type":"move",
            "payload":{"at":12,"pad":""}},"userId":"u","ref":"m7","createdAt":5},"timestamp":"t","senderId":"u"}"#;

        for text in [live, replayed] {
            let payload = Glance::at(text).unwrap().payload;

            assert_eq!((payload.sequence, payload.user_id, payload.sent_at()), (Some(7), Some("u"), Some(12)));
            assert!(names(payload.reference.unwrap(), 7));
        }
    }

    #[test]
    fn a_refusal_says_why_and_its_message_is_not_read() {
        let text = r#"{"type":"ERROR","payload":{"code":"backpressure","message":"a \"word\"","ref":"m1",
            "retryAfterMs":40},"timestamp":"t","senderId":null}"#;

        let payload = Glance::at(text).unwrap().payload;

        assert_eq!((payload.code, payload.retry_after_ms, payload.sent_at()), (Some("backpressure"), Some(40), None));
    }

    #[test]
    fn a_payload_has_the_bytes_that_were_asked_for() {
        assert_eq!(payload(1_234_567, 100).len(), 100);
        assert_eq!(payload(u64::MAX, 40).len(), 40);
        assert!(write_move(3, 9, 40).ends_with(r#","ref":"m3"}"#));
    }

    #[test]
    fn a_move_is_named_by_its_place() {
        assert!(names("m12", 12) && !names("m12", 13) && !names("12", 12) && !names("m", 0));
    }
}
