//! The AsyncAPI document says all that the wire knows, and nothing else. That what it says of a frame is true is held
//! by `web/tests`, against frames of a running server.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::{
    domain::{
        Epoch, Event, EventType, Farewell, GameId, Payload, Role, Sequence, Timer, Timestamp, UserId,
        time_control::{Pace, Preset, TimeControl},
    },
    edge::{Code, pages},
    wire::{
        client_frame::ClientMessage,
        close_code::Closing,
        server_frame::{self, Refusal, Resume},
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_763_700_000_123);

fn document() -> Value {
    serde_json::from_str(pages::ASYNC_API).unwrap()
}

/// One frame of each kind that the server sends, by the name that the document has for it.
fn frames() -> Vec<(&'static str, Value)> {
    let (game, user) = (GameId::parse("g1").unwrap(), UserId::parse("ann").unwrap());
    let event = |event_type: &str| Event {
        sequence: Sequence::new(7),
        event_type: EventType::from_store(event_type).unwrap(),
        payload: Payload::empty(),
        user_id: Some(user.clone()),
        client_ref: None,
        created_at: NOW,
    };
    let pace = Pace { total: Duration::from_secs(180), increment: Duration::ZERO, delay: Duration::ZERO };
    let timer = Timer {
        active: None,
        remaining: vec![(user.clone(), Duration::from_secs(180))],
        paused: true,
        control: TimeControl::new(Preset::Blitz, pace).unwrap().into(),
        at: NOW,
    };
    let resume = Resume {
        game_id: &game,
        user_id: &user,
        role: Role::Spectator,
        session: None,
        issued_at: NOW,
        last_sequence: Sequence::ZERO,
        head: Sequence::ZERO,
        floor: Sequence::ZERO,
        epoch: Epoch::generate(),
        resumed: false,
        recovered: true,
        heartbeat_interval: Duration::from_secs(10),
        max_message_bytes: 69_632,
        timer: None,
        summary: None,
        players: &[],
    };
    let refusal = Refusal { code: "conflict", message: "no", client_ref: None, retry_after: None, head: None };
    let frames = [
        ("GAME_RESUME", server_frame::resume(&resume, NOW)),
        ("GAME_REPLAY", server_frame::replay(&game, &event("move"), NOW)),
        ("GAME_EVENT", server_frame::live(&game, &event("move"))),
        ("GAME_FLAG_FALL", server_frame::live(&game, &event("flag_fall"))),
        ("GAME_ACK", server_frame::ack(&game, &user, Sequence::ZERO, 0, NOW)),
        ("GAME_PRESENCE", server_frame::presence(&game, &user, true, NOW)),
        ("GAME_TIME", server_frame::time(&timer)),
        ("DRAINING", server_frame::draining(Duration::from_secs(1), NOW)),
        ("PONG", server_frame::pong(&Payload::empty(), NOW)),
        ("ERROR", server_frame::error(&refusal, NOW)),
    ];
    frames.into_iter().map(|(name, frame)| (name, serde_json::from_str(&frame).unwrap())).collect()
}

#[test]
fn every_frame_of_the_server_is_documented() {
    let document = document();
    let messages = &document["components"]["messages"];
    let sent = document["operations"]["toClient"]["messages"].as_array().unwrap();

    for (name, frame) in frames() {
        let schema = &messages[name]["payload"]["properties"];
        if name != "GAME_EVENT" {
            assert_eq!(schema["type"]["const"], frame["type"]);
        }
        for required in schema["payload"]["required"].as_array().into_iter().flatten().map(|key| key.as_str().unwrap())
        {
            assert!(frame["payload"].get(required).is_some(), "{name} has no {required}");
        }
    }
    assert_eq!(sent.len(), frames().len());
}

#[test]
fn what_a_client_may_send_is_read() {
    let document = document();

    for name in ["event", "acknowledge", "ping"] {
        let message = &document["components"]["messages"][name];
        let example = message["examples"][0]["payload"].to_string();

        let read = ClientMessage::read(&example, 1_000).unwrap();

        let is_same = match read {
            ClientMessage::Record(_) => name == "event",
            ClientMessage::Acknowledge(_) => name == "acknowledge",
            ClientMessage::Ping(_) => name == "ping",
        };
        assert!(is_same, "{name} is read as something else");
    }
}

#[test]
fn every_close_code_is_documented() {
    let document = document();
    let documented: BTreeSet<_> = document["channels"]["game"]["x-close-codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|close| (close["code"].as_u64().unwrap(), close["reason"].as_str().unwrap().to_owned()))
        .collect();

    let known = Farewell::ALL.map(|why| {
        let Closing { code, reason } = why.into();
        (u64::from(code), reason.to_owned())
    });

    assert_eq!(documented, BTreeSet::from(known));
}

#[test]
fn every_code_of_a_refusal_is_documented() {
    let document = document();
    let codes = document["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    let documented: BTreeSet<_> = codes.iter().map(|code| code.as_str().unwrap()).collect();

    let known = [
        Code::InvalidMessage,
        Code::InvalidAck,
        Code::TooLarge,
        Code::RateLimited,
        Code::Backpressure,
        Code::Conflict,
        Code::NotYourTurn,
        Code::FlagFallen,
        Code::Forbidden,
        Code::NotFound,
        Code::Unavailable,
        Code::Unknown,
        Code::Internal,
    ];

    assert_eq!(documented, known.map(Code::on_socket).into());
}
