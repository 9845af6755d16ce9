//! How an event is written as a member of its game's sorted set.
//!
//! The same event always comes out as the same bytes, so that writing it again changes nothing. What was written by
//! another version of this program, or by somebody else, is read as nothing at all.
//!
//! ```text
//! version   epoch   sequence   created at   type        user id, ref: as the type,    payload
//! 1 byte    16      8          8            1 + bytes   of no bytes where there is none   the rest
//! ```

use std::{str, sync::Arc};

use serde_json::value::RawValue;

use super::CachedEvent;
use crate::domain::{Epoch, Event, EventRef, EventType, Payload, Sequence, Timestamp, UserId};

const VERSION: u8 = 1;
/// Up to the type.
const FIXED: usize = 1 + 16 + 8 + 8;

/// Writes an event.
pub(super) fn encode(epoch: Epoch, event: &Event) -> Vec<u8> {
    let texts = [
        event.event_type.as_str(),
        event.user_id.as_ref().map_or("", |user| user.as_str()),
        event.client_ref.as_ref().map_or("", |client_ref| client_ref.as_str()),
    ];
    let payload = event.payload.as_str();
    let length = FIXED + texts.iter().map(|text| 1 + text.len()).sum::<usize>() + payload.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.push(VERSION);
    bytes.extend(epoch.as_bytes());
    bytes.extend(event.sequence.number().to_be_bytes());
    bytes.extend(event.created_at.as_millis().to_be_bytes());
    for text in texts {
        bytes.push(u8::try_from(text.len()).expect("types, user ids and refs have at most 128 bytes"));
        bytes.extend(text.as_bytes());
    }
    bytes.extend(payload.as_bytes());
    bytes
}

/// Reads an event; `None` for bytes that are none. Linear in their length.
pub(super) fn decode(bytes: &[u8]) -> Option<CachedEvent> {
    let mut rest = bytes;
    if take::<1>(&mut rest)? != [VERSION] {
        return None;
    }
    let epoch = Epoch::from_bytes(take(&mut rest)?);
    let sequence = Sequence::new(u64::from_be_bytes(take(&mut rest)?));
    let created_at = Timestamp::from_millis(i64::from_be_bytes(take(&mut rest)?));
    let event_type = EventType::from_store(take_text(&mut rest)?).ok()?;
    let user_id = given(take_text(&mut rest)?).map(UserId::parse).transpose().ok()?;
    let client_ref = given(take_text(&mut rest)?).map(EventRef::parse).transpose().ok()?;
    let payload = read_payload(rest)?;
    let event = Event { sequence, event_type, payload, user_id, client_ref, created_at };
    Some(CachedEvent { epoch, event: Arc::new(event) })
}

/// A payload goes to clients as it is, within JSON of ours: one that is no JSON would break out of it.
fn read_payload(bytes: &[u8]) -> Option<Payload> {
    let json = str::from_utf8(bytes).ok()?;
    serde_json::from_str::<&RawValue>(json).ok()?;
    Payload::from_json(json).ok().filter(|payload| payload.as_str().len() == json.len())
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let [length] = take(rest)?;
    let (text, left) = rest.split_at_checked(usize::from(length))?;
    *rest = left;
    str::from_utf8(text).ok()
}

fn given(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::conformance::table::event;

    fn any_event() -> impl Strategy<Value = (Epoch, Event)> {
        let event_type = "[a-z][a-z0-9_]{0,31}".prop_map(|text| EventType::from_store(&text).unwrap());
        let user_id = prop::option::of("[A-Za-z0-9._:~-]{1,128}".prop_map(|text| UserId::parse(&text).unwrap()));
        let client_ref = prop::option::of("[a-z0-9é ]{1,32}".prop_map(|text| EventRef::parse(&text).unwrap()));
        let payload = any::<String>().prop_map(|text| {
            let text = serde_json::to_string(&text).unwrap();
            Payload::from_json(&format!("{{ \"text\" :\t{text},\"n\":1e400}}")).unwrap()
        });
        let rest = (any::<[u8; 16]>(), any::<u64>(), any::<i64>());
        (event_type, user_id, client_ref, payload, rest).prop_map(
            |(event_type, user_id, client_ref, payload, (epoch, sequence, created_at))| {
                let sequence = Sequence::new(sequence);
                let created_at = Timestamp::from_millis(created_at);
                let event = Event { sequence, event_type, payload, user_id, client_ref, created_at };
                (Epoch::from_bytes(epoch), event)
            },
        )
    }

    proptest! {
        #[test]
        fn an_event_is_read_as_it_was_written((epoch, event) in any_event()) {
            let bytes = encode(epoch, &event);

            prop_assert_eq!(decode(&bytes), Some(CachedEvent { epoch, event: Arc::new(event.clone()) }));
            prop_assert_eq!(encode(epoch, &event), bytes);
        }

        #[test]
        fn hostile_bytes_are_no_event_or_a_whole_one(bytes in any::<Vec<u8>>()) {
            if let Some(read) = decode(&bytes) {
                prop_assert_eq!(encode(read.epoch, &read.event), bytes);
            }
        }

        #[test]
        fn a_damaged_event_is_no_event_or_a_whole_one(
            (epoch, event) in any_event(),
            (at, byte, cut) in (any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>()),
        ) {
            let mut bytes = encode(epoch, &event);
            let (at, cut) = (at.index(bytes.len()), cut.index(bytes.len() + 1));
            bytes[at] = byte;
            bytes.truncate(cut);

            if let Some(read) = decode(&bytes) {
                prop_assert_eq!(encode(read.epoch, &read.event), bytes);
            }
        }
    }

    #[test]
    fn what_another_version_wrote_is_no_event() {
        let mut bytes = encode(Epoch::generate(), &event(1));
        assert!(decode(&bytes).is_some());

        bytes[0] = 2;

        assert_eq!(decode(&bytes), None);
    }

    #[test]
    fn a_payload_that_would_break_out_of_its_frame_is_no_event() {
        let hostile = |payload: &str| Event { payload: Payload::from_store(payload.to_owned()), ..event(1) };
        for payload in ["", "{", "[]", "{},\"sequence\":9", "{} {}", " {}", "{\"a\":\u{1}}"] {
            assert_eq!(decode(&encode(Epoch::generate(), &hostile(payload))), None, "{payload}");
        }
    }
}
