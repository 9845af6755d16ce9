//! What game clients are sent.

use std::time::{Duration, UNIX_EPOCH};

use bytestring::ByteString;

use super::{
    clock::TimerBody,
    json::{Object, object},
};
use crate::domain::{
    Epoch, Event, EventRef, GameId, Payload, Role, Sequence, SessionId, Summary, Timer, Timestamp, UserId,
};

/// An envelope around a payload.
fn frame(kind: &str, sender: Option<&UserId>, at: Timestamp, payload: impl FnOnce(&mut Object<'_>)) -> ByteString {
    let mut out = String::with_capacity(256);
    object(&mut out, |envelope| {
        envelope.plain("type", kind).object("payload", payload);
        envelope.plain("timestamp", rfc3339(at)).plain_or_null("senderId", sender);
    });
    out.into()
}

fn rfc3339(at: Timestamp) -> humantime::Rfc3339Timestamp {
    let since_1970 = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_1970)
}

/// A live event: `GAME_<TYPE>`.
#[must_use]
pub fn live(game: &GameId, event: &Event) -> ByteString {
    let mut kind = String::with_capacity(5 + event.event_type.as_str().len());
    kind.push_str("GAME_");
    kind.extend(event.event_type.as_str().chars().map(|letter| letter.to_ascii_uppercase()));
    frame(&kind, event.user_id.as_ref(), event.created_at, |payload| {
        payload.plain("gameId", game).plain_or_null("userId", event.user_id.as_ref());
        payload.number("sequence", event.sequence).raw(event.event_type.as_str(), event.payload.as_str());
        reference(payload, event.client_ref.as_ref()).number("createdAt", event.created_at.as_millis());
    })
}

/// A missed event: `GAME_REPLAY`.
#[must_use]
pub fn replay(game: &GameId, event: &Event, now: Timestamp) -> ByteString {
    frame("GAME_REPLAY", event.user_id.as_ref(), now, |payload| {
        payload.plain("gameId", game).number("sequence", event.sequence);
        payload.object("message", |message| {
            message.plain("type", &event.event_type).raw("payload", event.payload.as_str());
        });
        payload.plain_or_null("userId", event.user_id.as_ref());
        reference(payload, event.client_ref.as_ref()).number("createdAt", event.created_at.as_millis());
    })
}

fn reference<'a, 'b>(object: &'a mut Object<'b>, client_ref: Option<&EventRef>) -> &'a mut Object<'b> {
    match client_ref {
        Some(client_ref) => object.text("ref", client_ref.as_str()),
        None => object,
    }
}

/// The first frame of a connection.
pub struct Resume<'a> {
    pub game_id: &'a GameId,
    pub user_id: &'a UserId,
    pub role: Role,
    /// Session, token and expiry; a spectator has none.
    pub session: Option<(SessionId, &'a str, Timestamp)>,
    pub issued_at: Timestamp,
    pub last_sequence: Sequence,
    pub head: Sequence,
    pub floor: Sequence,
    pub epoch: Epoch,
    pub resumed: bool,
    pub recovered: bool,
    pub heartbeat_interval: Duration,
    pub max_message_bytes: usize,
    pub timer: Option<&'a Timer>,
    pub summary: Option<&'a Summary>,
    /// User, whether online, last acknowledged sequence.
    pub players: &'a [(&'a UserId, bool, Sequence)],
}

/// `GAME_RESUME`.
#[must_use]
pub fn resume(resume: &Resume<'_>, now: Timestamp) -> ByteString {
    frame("GAME_RESUME", None, now, |payload| {
        payload.plain("gameId", resume.game_id).plain("userId", resume.user_id).plain("role", resume.role.as_str());
        payload.plain_or_null("sessionId", resume.session.map(|(session_id, ..)| session_id));
        payload.plain_or_null("token", resume.session.map(|(_, token, _)| token));
        payload.number("issuedAt", resume.issued_at.as_millis());
        match resume.session {
            Some((.., expires_at)) => payload.number("expiresAt", expires_at.as_millis()),
            None => payload.raw("expiresAt", "null"),
        };
        payload.number("lastSequence", resume.last_sequence).number("headSequence", resume.head);
        payload.number("floorSequence", resume.floor).plain("epoch", resume.epoch);
        payload.flag("resumed", resume.resumed).flag("recovered", resume.recovered);
        payload.number("replayCount", resume.head.count_after(resume.last_sequence));
        payload.number("heartbeatIntervalMs", resume.heartbeat_interval.as_millis());
        payload.number("maxMessageBytes", resume.max_message_bytes).number("serverTime", now.as_millis());
        if let Some(timer) = resume.timer {
            payload.raw("timer", &TimerBody::from(timer).to_json());
        }
        if let Some(summary) = resume.summary {
            payload.object("summary", |object| {
                object.number("sequence", summary.sequence).raw("state", summary.state.as_str());
            });
        }
        payload.list("players", resume.players, |player, (user_id, online, last_ack)| {
            player.plain("userId", user_id).flag("online", *online).number("lastAckSequence", last_ack);
        });
    })
}

/// `GAME_ACK`.
#[must_use]
pub fn ack(game: &GameId, user: &UserId, sequence: Sequence, backlog: u64, now: Timestamp) -> ByteString {
    frame("GAME_ACK", None, now, |payload| {
        payload.plain("gameId", game).plain("userId", user).number("sequence", sequence).number("backlog", backlog);
    })
}

/// `GAME_PRESENCE`.
#[must_use]
pub fn presence(game: &GameId, user: &UserId, online: bool, at: Timestamp) -> ByteString {
    frame("GAME_PRESENCE", None, at, |payload| {
        payload.plain("gameId", game).plain("userId", user).flag("online", online).number("at", at.as_millis());
    })
}

/// `GAME_TIME`: what the clocks show.
#[must_use]
pub fn time(timer: &Timer) -> ByteString {
    around("GAME_TIME", &TimerBody::from(timer).to_json(), timer.at)
}

/// `DRAINING`.
#[must_use]
pub fn draining(reconnect_after: Duration, now: Timestamp) -> ByteString {
    frame("DRAINING", None, now, |payload| {
        payload.number("reconnectAfterMs", reconnect_after.as_millis());
    })
}

/// `PONG`: what was sent, and the time.
#[must_use]
pub fn pong(sent: &Payload, now: Timestamp) -> ByteString {
    let inner = sent.as_str().strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default().trim();
    let comma = if inner.is_empty() { "" } else { "," };
    around("PONG", &format!("{{{inner}{comma}\"serverTime\":{}}}", now.as_millis()), now)
}

/// An envelope of the service's own around a payload that is JSON already.
fn around(kind: &str, payload: &str, at: Timestamp) -> ByteString {
    let mut out = String::with_capacity(payload.len() + 96);
    object(&mut out, |envelope| {
        envelope.plain("type", kind).raw("payload", payload);
        envelope.plain("timestamp", rfc3339(at)).raw("senderId", "null");
    });
    out.into()
}

/// A message was refused.
pub struct Refusal<'a> {
    pub code: &'static str,
    pub message: &'a str,
    pub client_ref: Option<&'a EventRef>,
    pub retry_after: Option<Duration>,
    pub head: Option<Sequence>,
}

/// `ERROR`.
#[must_use]
pub fn error(refusal: &Refusal<'_>, now: Timestamp) -> ByteString {
    frame("ERROR", None, now, |payload| {
        payload.plain("code", refusal.code).text("message", refusal.message);
        reference(payload, refusal.client_ref);
        if let Some(retry_after) = refusal.retry_after {
            payload.number("retryAfterMs", retry_after.as_millis());
        }
        if let Some(head) = refusal.head {
            payload.number("headSequence", head);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EventType;
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_millis(1_763_700_000_123);

    fn event() -> Event {
        Event {
            sequence: Sequence::new(7),
            event_type: EventType::parse("move").unwrap(),
            payload: Payload::from_json(r#"{"san":"Nf3","t":1.0}"#).unwrap(),
            user_id: UserId::parse("ann").ok(),
            client_ref: EventRef::parse("r\"1").ok(),
            created_at: NOW,
        }
    }

    fn read(frame: &ByteString) -> Value {
        serde_json::from_str(frame).unwrap()
    }

    #[test]
    fn a_live_event_has_the_contracts_shape() {
        let frame = live(&GameId::parse("g1").unwrap(), &event());

        let expected = json!({
            "type": "GAME_MOVE",
            "payload": {
                "gameId": "g1", "userId": "ann", "sequence": 7, "move": {"san": "Nf3", "t": 1.0},
                "ref": "r\"1", "createdAt": 1_763_700_000_123_i64
            },
            "timestamp": "2025-11-21T04:40:00.123Z",
            "senderId": "ann"
        });
        assert_eq!(read(&frame), expected);
    }

    #[test]
    fn a_replayed_event_has_the_contracts_shape() {
        let frame = replay(&GameId::parse("g1").unwrap(), &event(), NOW);

        let expected = json!({
            "gameId": "g1", "sequence": 7, "message": {"type": "move", "payload": {"san": "Nf3", "t": 1.0}},
            "userId": "ann", "ref": "r\"1", "createdAt": 1_763_700_000_123_i64
        });
        assert_eq!(read(&frame)["payload"], expected);
        assert!(frame.contains(r#""payload":{"san":"Nf3","t":1.0}"#));
    }

    #[test]
    fn a_pong_is_what_was_sent_and_the_time() {
        for (sent, expected) in [
            ("{}", json!({"serverTime": NOW.as_millis()})),
            (r#"{ "n":1 }"#, json!({"n": 1, "serverTime": NOW.as_millis()})),
        ] {
            assert_eq!(read(&pong(&Payload::from_json(sent).unwrap(), NOW))["payload"], expected);
        }
    }
}
