//! The frames of the protocol, and the rules of recording, acknowledging and presence.

use std::time::Duration;

use rejoin::client::{ClientError, Dial, Incoming, Outgoing, tungstenite::Message};
use serde_json::{Value, json};

use crate::support::{Player, SOON, Server, closed};

/// Everything about JSON that a careless reader would write back differently.
const AWKWARD: &str = r#"{"a":1.0,"b":1e2,"a":2,"c":"\u00e9","d":1234567890123456789012345678901234567890}"#;

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The payload of a frame whose envelope is as it must be.
fn payload_of<'a>(frame: &'a Value, frame_type: &str, sender_id: &Value) -> &'a Value {
    assert_eq!(frame["type"], frame_type, "{frame}");
    assert_eq!(keys(frame), ["payload", "senderId", "timestamp", "type"]);
    assert_eq!(&frame["senderId"], sender_id);
    let timestamp = frame["timestamp"].as_str().unwrap();
    let shape: String = timestamp.chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{timestamp}");
    &frame["payload"]
}

async fn raw_welcome(dial: &Dial) -> (rejoin::client::Link, Value) {
    let mut link = rejoin::client::Link::connect(dial).await.unwrap();
    let frame = serde_json::from_str(&link.next_text(SOON).await.unwrap()).unwrap();
    (link, frame)
}

// --- Shapes -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_welcome_has_the_contracts_fields() {
    let server = Server::start().await;

    let (_link, frame) = raw_welcome(&server.dial("g", "ann")).await;

    let payload = payload_of(&frame, "GAME_RESUME", &Value::Null);
    let expected = [
        "epoch",
        "expiresAt",
        "floorSequence",
        "gameId",
        "headSequence",
        "heartbeatIntervalMs",
        "issuedAt",
        "lastSequence",
        "maxMessageBytes",
        "players",
        "recovered",
        "replayCount",
        "resumed",
        "role",
        "serverTime",
        "sessionId",
        "token",
        "userId",
    ];
    assert_eq!(keys(payload), expected);
    assert_eq!(payload["players"], json!([{"userId": "ann", "online": true, "lastAckSequence": 0}]));
    assert_eq!(
        (&payload["role"], &payload["resumed"], &payload["recovered"]),
        (&json!("player"), &json!(false), &json!(true))
    );
    assert_eq!(payload["heartbeatIntervalMs"], 10_000);
    assert_eq!(payload["expiresAt"].as_u64().unwrap() - payload["issuedAt"].as_u64().unwrap(), 1_800_000);
    assert!(payload["maxMessageBytes"].as_u64().unwrap() > 65_536);
}

#[tokio::test]
async fn a_live_event_has_the_contracts_fields() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    ann.send(r#"{"type":"move","payload":{"san":"e4"},"ref":"r1","extra":1}"#).await;
    let named = ann.frame().await;
    ann.send(r#"{"type":"cube_2","payload":{}}"#).await;
    let nameless = ann.frame().await;

    let payload = payload_of(&named, "GAME_MOVE", &json!("ann"));
    let created_at = payload["createdAt"].as_u64().unwrap();
    let expected = json!({
        "gameId": "g", "userId": "ann", "sequence": 1, "move": {"san": "e4"}, "ref": "r1", "createdAt": created_at
    });
    assert_eq!(payload, &expected);
    let payload = payload_of(&nameless, "GAME_CUBE_2", &json!("ann"));
    assert_eq!(keys(payload), ["createdAt", "cube_2", "gameId", "sequence", "userId"]);
}

#[tokio::test]
async fn a_replayed_event_has_the_contracts_fields() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let live = ann.play("r1").await;

    let (mut again, _) = raw_welcome(&server.dial("g", "ann")).await;
    let frame: Value = serde_json::from_str(&again.next_text(SOON).await.unwrap()).unwrap();

    let payload = payload_of(&frame, "GAME_REPLAY", &json!("ann"));
    let expected = json!({
        "gameId": "g", "sequence": 1, "message": {"type": "move", "payload": {"san": "Nf3"}},
        "userId": "ann", "ref": "r1", "createdAt": live.created_at_ms
    });
    assert_eq!(payload, &expected);
}

#[tokio::test]
async fn a_confirmed_acknowledgement_has_the_contracts_fields() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;

    ann.link.ack(2).await.unwrap();
    let frame = ann.frame().await;

    assert_eq!(frame["type"], "GAME_ACK");
    assert_eq!(frame["payload"], json!({"gameId": "g", "userId": "ann", "sequence": 2, "backlog": 1}));
}

#[tokio::test]
async fn a_presence_has_the_contracts_fields() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    let _bob = Player::enter(&server.dial("g", "bob")).await;
    let frame = ann.frame().await;

    assert_eq!(frame["type"], "GAME_PRESENCE");
    assert_eq!(keys(&frame["payload"]), ["at", "gameId", "online", "userId"]);
    assert_eq!((&frame["payload"]["userId"], &frame["payload"]["online"]), (&json!("bob"), &json!(true)));
    assert!(frame["payload"]["at"].is_u64());
}

#[tokio::test]
async fn a_pong_brings_back_what_the_ping_carried_and_the_time() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    ann.link.ping(r#"{"n":1.0}"#).await.unwrap();
    let text = ann.link.next_text(SOON).await.unwrap();

    let frame: Value = serde_json::from_str(&text).unwrap();
    let payload = payload_of(&frame, "PONG", &Value::Null);
    assert_eq!(keys(payload), ["n", "serverTime"]);
    assert!(text.contains(r#""n":1.0"#), "{text}");
}

#[tokio::test]
async fn a_refusal_has_the_contracts_fields() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    ann.send(r#"{"type":"move","payload":{},"ref":"r1","expect":7}"#).await;
    let frame = ann.frame().await;

    let payload = payload_of(&frame, "ERROR", &Value::Null);
    assert_eq!(keys(payload), ["code", "headSequence", "message", "ref"]);
    assert_eq!(
        (&payload["code"], &payload["ref"], &payload["headSequence"]),
        (&json!("conflict"), &json!("r1"), &json!(0))
    );
}

// --- Payloads ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_payload_comes_back_byte_for_byte_live() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    ann.link.send(&Outgoing::event("move", AWKWARD)).await.unwrap();

    assert_eq!(ann.event().await.payload.get(), AWKWARD);
    assert_eq!(bob.event().await.payload.get(), AWKWARD);
}

#[tokio::test]
async fn a_payload_comes_back_byte_for_byte_in_a_replay_from_memory_and_from_the_store() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.link.send(&Outgoing::event("move", AWKWARD)).await.unwrap();
    ann.event().await;

    let from_memory = Player::enter(&server.dial("g", "bob")).await.event().await;
    server.crash().await;
    let from_store = Player::enter(&server.dial("g", "bob")).await.event().await;

    assert_eq!(from_memory.payload.get(), AWKWARD);
    assert_eq!(from_store.payload.get(), AWKWARD);
}

#[tokio::test]
async fn a_payload_comes_back_byte_for_byte_over_http() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.link.send(&Outgoing::event("move", AWKWARD)).await.unwrap();
    ann.event().await;

    let events = server.call("GET", "/v1/games/g/events", &Value::Null).expect(200).text;

    assert!(events.contains(&format!(r#""payload":{AWKWARD}"#)), "{events}");
}

#[tokio::test]
async fn a_payload_that_came_over_http_goes_out_byte_for_byte() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    let body = format!(r#"{{"type":"roll","payload":{AWKWARD},"userId":"ann"}}"#);
    let headers = [("X-API-Token", crate::support::API_TOKEN)];
    server.call_with("POST", "/v1/games/g/events", &body, &headers).expect(201);

    assert_eq!(ann.event().await.payload.get(), AWKWARD);
}

// --- Recording --------------------------------------------------------------------------------------------------

#[tokio::test]
async fn everybody_sees_the_same_events_in_the_same_order() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    for number in 1..=20 {
        ann.send_move(&format!("a{number}")).await;
        bob.send_move(&format!("b{number}")).await;
    }
    let (seen_by_ann, seen_by_bob) = (ann.events(40).await, bob.events(40).await);

    assert_eq!(seen_by_ann, seen_by_bob);
    assert_eq!(seen_by_ann.iter().map(|event| event.sequence).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_ref_sent_again_gives_the_original_to_its_sender_alone() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    let original = ann.play("r1").await;
    let again = ann.play("r1").await;
    ann.play("r2").await;

    assert_eq!(again, original);
    assert_eq!(bob.sequences(2).await, [1, 2]);
}

#[tokio::test]
async fn a_ref_sent_again_on_another_connection_gives_the_original() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let original = ann.play("r1").await;

    let dial = server.dial("g", "ann").after(1, ann.welcome.epoch.clone());
    let mut elsewhere = Player::enter(&dial).await;

    assert_eq!(elsewhere.play("r1").await, original);
    assert_eq!(elsewhere.play("r2").await.sequence, 2);
}

#[tokio::test]
async fn a_ref_sent_again_after_a_crash_gives_the_original() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let original = ann.play("r1").await;

    server.crash().await;
    let mut back = Player::enter(&server.dial("g", "ann").after(1, ann.welcome.epoch.clone())).await;

    assert_eq!(back.play("r1").await, original);
    assert_eq!(back.play("r2").await.sequence, 2);
}

#[tokio::test]
async fn a_ref_is_known_longer_than_its_event_is_in_memory() {
    let server = Server::with(&[("SESSION_REPLAY_RETENTION", "5")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let original = ann.play("m1").await;
    ann.play_all(2..=20).await;

    assert_eq!(ann.play("m1").await, original);
    assert_eq!(ann.play("m21").await.sequence, 21);
}

#[tokio::test]
async fn a_ref_belongs_to_its_user() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    ann.play("r1").await;

    assert_eq!(bob.play("r1").await.sequence, 2);
}

#[tokio::test]
async fn an_expectation_counts_what_was_accepted_before() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    for expected in 0..5 {
        ann.send(format!(r#"{{"type":"move","payload":{{}},"expect":{expected}}}"#)).await;
    }

    assert_eq!(ann.sequences(5).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn an_expectation_that_fails_says_where_the_head_is_and_changes_nothing() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;

    let refusal = ann.refused(r#"{"type":"move","payload":{},"ref":"late","expect":2}"#).await;

    assert_eq!((refusal.code.as_str(), refusal.head_sequence), ("conflict", Some(3)));
    assert_eq!(refusal.reference.as_deref(), Some("late"));
    assert_eq!(ann.play("late").await.sequence, 4);
}

#[tokio::test]
async fn of_two_with_the_same_expectation_one_is_recorded() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;
    assert_eq!(ann.presence().await, ("bob".to_owned(), true));

    let first = r#"{"type":"move","payload":{},"expect":0}"#;
    ann.send(first).await;
    bob.send(first).await;
    let (mut events, mut conflicts) = (0, 0);
    for player in [&mut ann, &mut bob] {
        match player.next().await {
            Incoming::Live(_) => events += 1,
            Incoming::Error(refusal) if refusal.code == "conflict" => conflicts += 1,
            other => panic!("neither recorded nor refused: {other:?}"),
        }
    }

    // The loser may see the winner's event first, and is refused then.
    assert!((events, conflicts) == (1, 1) || (events, conflicts) == (2, 0), "{events} events, {conflicts} conflicts");
    assert_eq!(Player::enter(&server.dial("g", "eve")).await.welcome.head_sequence, 1);
}

// --- Acknowledging ----------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_acknowledgement_that_says_nothing_new_is_not_answered() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(3).await;

    ann.link.ack(3).await.unwrap();
    ann.link.ack(1).await.unwrap();
    ann.link.ack(4).await.unwrap();

    assert!(matches!(ann.next().await, Incoming::Ack { sequence: 4, backlog: 1, .. }));
}

#[tokio::test]
async fn an_acknowledgement_has_three_names() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;

    for (sequence, name) in [(1, "GAME_ACK"), (2, "game_ack"), (3, "ack")] {
        ann.send(format!(r#"{{"type":"{name}","payload":{{"sequence":{sequence}}}}}"#)).await;
        let answer = ann.next().await;
        assert!(matches!(answer, Incoming::Ack { sequence: confirmed, .. } if confirmed == sequence), "{answer:?}");
    }
}

#[tokio::test]
async fn an_acknowledgement_above_the_head_is_refused_and_not_kept() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    ann.acknowledge(1).await;

    let refusal = ann.refused(r#"{"type":"ack","payload":{"sequence":4}}"#).await;
    let again = Player::enter(&server.dial("g", "ann")).await;

    assert_eq!(refusal.code, "invalid_ack");
    assert_eq!(again.welcome.own_ack(), Some(1));
    assert_eq!(again.welcome.floor_sequence, 1);
}

#[tokio::test]
async fn the_floor_follows_the_lowest_acknowledgement() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;
    ann.play_all(1..=9).await;
    let floor = async || {
        let mut dial = server.dial("g", "eve");
        dial.spectate = true;
        Player::enter(&dial).await.welcome.floor_sequence
    };

    ann.acknowledge(7).await;
    let bob_has_seen_nothing = floor().await;
    bob.acknowledge(4).await;
    let bob_has_seen_four = floor().await;
    bob.acknowledge(9).await;
    let ann_has_seen_seven = floor().await;

    assert_eq!((bob_has_seen_nothing, bob_has_seen_four, ann_has_seen_seven), (0, 4, 7));
}

#[tokio::test]
async fn pruning_reaches_the_store_within_a_second() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=9).await;
    ann.acknowledge(9).await;

    // What the promise is about: a second passes.
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.crash().await;

    let back = Player::enter(&server.dial("g", "ann")).await;
    assert_eq!((back.welcome.floor_sequence, back.welcome.own_ack()), (9, Some(9)));
}

// --- Presence ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn others_learn_that_a_player_came_and_left() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    let bob = Player::enter(&server.dial("g", "bob")).await;
    let came = ann.presence().await;
    bob.link.cut();
    let left = ann.presence().await;

    assert_eq!(came, ("bob".to_owned(), true));
    assert_eq!(left, ("bob".to_owned(), false));
}

#[tokio::test]
async fn nobody_learns_of_his_own_presence() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    ann.send_move("r1").await;

    assert!(matches!(ann.next().await, Incoming::Live(_)));
}

#[tokio::test]
async fn a_takeover_is_no_coming_and_no_leaving() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;
    assert_eq!(ann.presence().await, ("bob".to_owned(), true));

    let mut elsewhere = Player::enter(&server.dial("g", "bob")).await;
    bob.ending().await;
    elsewhere.play("r1").await;

    assert!(matches!(ann.next().await, Incoming::Live(_)));
}

#[tokio::test]
async fn a_second_connection_takes_the_seat_over() {
    let server = Server::start().await;
    let mut first = Player::enter(&server.dial("g", "ann")).await;

    let second = Player::enter(&server.dial("g", "ann")).await;

    assert_eq!(first.ending().await, closed(4001, "Session taken over"));
    assert!(second.welcome.resumed);
    assert_eq!(second.welcome.session_id, first.welcome.session_id);
}

// --- Saying goodbye ---------------------------------------------------------------------------------------------

/// The HTTP layer counts with a clock that is up to half a second late. A time to linger shorter than that could be over
/// before it began, and then it never ended: sockets stayed open for as long as the client liked.
#[tokio::test]
async fn a_goodbye_is_answered_and_the_socket_ended_soon() {
    let server = Server::start().await;
    for number in 1..=4 {
        let mut ann = Player::enter(&server.dial(&format!("g{number}"), "ann")).await;

        ann.link.send_message(Message::Close(None)).await.unwrap();
        let mut answers = Vec::new();
        let ending = loop {
            match ann.link.next_message(Duration::from_secs(3)).await {
                Ok(message) => answers.push(message),
                Err(error) => break error,
            }
        };

        assert!(matches!(answers.last(), Some(Message::Close(_))), "{answers:?}");
        assert!(matches!(ending, ClientError::Ended(_)), "the server keeps the socket: {ending}");
    }
}
