//! How a seat is written: as JSON, for whoever looks into Redis.
//!
//! What was written by another version of this program, or by somebody else, is read as nothing at all.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Generation, Sequence, SessionId, Timestamp},
    store::SeatMark,
};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    version: u32,
    session_id: String,
    last_ack: u64,
    proven: u32,
    issued: u32,
    issued_at: i64,
    last_seen_at: i64,
    expires_at: i64,
}

/// Writes a seat.
pub(super) fn encode(mark: &SeatMark) -> String {
    let record = Record {
        version: VERSION,
        session_id: mark.session_id.to_string(),
        last_ack: mark.last_ack.number(),
        proven: mark.proven.number(),
        issued: mark.issued.number(),
        issued_at: mark.issued_at.as_millis(),
        last_seen_at: mark.last_seen_at.as_millis(),
        expires_at: mark.expires_at.as_millis(),
    };
    serde_json::to_string(&record).expect("numbers and a text are always JSON")
}

/// Reads a seat; `None` for bytes that are none.
pub(super) fn decode(bytes: &[u8]) -> Option<SeatMark> {
    let record: Record = serde_json::from_slice(bytes).ok()?;
    if record.version != VERSION {
        return None;
    }
    Some(SeatMark {
        session_id: SessionId::parse(&record.session_id)?,
        last_ack: Sequence::new(record.last_ack),
        proven: Generation::new(record.proven),
        issued: Generation::new(record.issued),
        issued_at: Timestamp::from_millis(record.issued_at),
        last_seen_at: Timestamp::from_millis(record.last_seen_at),
        expires_at: Timestamp::from_millis(record.expires_at),
        whole: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_seat_is_read_as_it_was_written(
            session in any::<[u8; 16]>(),
            (last_ack, proven, issued) in any::<(u64, u32, u32)>(),
            (issued_at, last_seen_at, expires_at) in any::<(i64, i64, i64)>(),
        ) {
            let mark = SeatMark {
                session_id: SessionId::from_bytes(session),
                last_ack: Sequence::new(last_ack),
                proven: Generation::new(proven),
                issued: Generation::new(issued),
                issued_at: Timestamp::from_millis(issued_at),
                last_seen_at: Timestamp::from_millis(last_seen_at),
                expires_at: Timestamp::from_millis(expires_at),
                whole: None,
            };

            prop_assert_eq!(decode(encode(&mark).as_bytes()), Some(mark));
        }

        #[test]
        fn hostile_bytes_are_no_seat(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(decode(&bytes), None);
        }
    }

    #[test]
    fn what_another_version_wrote_is_no_seat() {
        let written = encode(&SeatMark::proof(SessionId::generate(), Generation::new(3)));
        assert!(decode(written.as_bytes()).is_some());

        let newer = written.replace("\"version\":1", "\"version\":2");

        assert_eq!(decode(newer.as_bytes()), None);
    }
}
