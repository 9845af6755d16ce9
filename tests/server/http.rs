//! What a game's backend and its operators do over HTTP, and what the players see of it.

use rejoin::client::Dial;
use serde_json::{Value, json};

use crate::support::{API_TOKEN, Player, SOON, Server, closed, refused_entry, until};

fn post(server: &Server, path: &str, body: &Value) -> crate::support::Answer {
    server.call("POST", path, body)
}

// --- Events -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn an_event_of_the_backend_reaches_the_players() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    let recorded = post(&server, "/v1/games/g/events", &json!({"type": "result", "payload": {"winner": "ann"}}));
    let event = ann.event().await;

    let recorded = recorded.expect(201).json();
    assert_eq!((event.sequence, event.event_type.as_str(), event.user_id), (1, "result", None));
    assert_eq!((&recorded["sequence"], &recorded["epoch"]), (&json!(1), &json!(ann.welcome.epoch)));
    assert_eq!(recorded["createdAt"].as_u64(), Some(event.created_at_ms));
}

#[tokio::test]
async fn a_ref_sent_again_by_the_backend_gives_the_original() {
    let mut server = Server::start().await;
    server.put_game("g", &json!({}));
    let body = json!({"type": "move", "payload": {}, "userId": "ann", "ref": "r1"});
    let first = post(&server, "/v1/games/g/events", &body).expect(201).json();

    server.crash().await;
    let again = post(&server, "/v1/games/g/events", &body).expect(200).json();

    assert_eq!(again, first);
    assert_eq!(server.events("g").len(), 1);
}

#[tokio::test]
async fn a_player_and_the_backend_share_the_refs_of_the_player() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play("r1").await;

    let body = json!({"type": "move", "payload": {}, "userId": "ann", "ref": "r1"});

    assert_eq!(post(&server, "/v1/games/g/events", &body).expect(200).json()["sequence"], 1);
}

#[tokio::test]
async fn a_list_is_recorded_in_order_or_not_at_all() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let events: Vec<Value> = (1..=256).map(|n| json!({"type": "move", "payload": {"n": n}})).collect();
    let mut flawed = events.clone();
    flawed[255]["expect"] = json!(7);

    let refused = post(&server, "/v1/games/g/events", &json!(flawed));
    let recorded = post(&server, "/v1/games/g/events", &json!(events));

    assert_eq!(refused.expect(409).json()["code"], "conflict");
    assert_eq!(recorded.expect(201).json().as_array().unwrap().len(), 256);
    let payloads: Vec<String> = ann.events(256).await.iter().map(|event| event.payload.get().to_owned()).collect();
    assert_eq!(payloads, (1..=256).map(|n| format!(r#"{{"n":{n}}}"#)).collect::<Vec<_>>());
}

#[tokio::test]
async fn events_are_read_in_pages() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;

    let page = server.call("GET", "/v1/games/g/events?after=1&limit=2", &Value::Null).expect(200).json();

    let sequences: Vec<&Value> = page["events"].as_array().unwrap().iter().map(|event| &event["sequence"]).collect();
    assert_eq!(sequences, [&json!(2), &json!(3)]);
    assert_eq!(
        (&page["headSequence"], &page["floorSequence"], &page["recovered"]),
        (&json!(5), &json!(0), &json!(true))
    );
}

#[tokio::test]
async fn an_acknowledgement_of_the_backend_counts_like_the_players_own() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;

    let acked = post(&server, "/v1/games/g/acks", &json!({"userId": "ann", "sequence": 3})).expect(200).json();
    let above = post(&server, "/v1/games/g/acks", &json!({"userId": "ann", "sequence": 6})).expect(400).json();

    assert_eq!(acked, json!({"sequence": 3, "backlog": 2, "floorSequence": 3}));
    assert_eq!(above["code"], "invalid_ack");
}

// --- Games ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_game_is_made_once_and_changed_after_that() {
    let server = Server::start().await;

    let made = server.call("PUT", "/v1/games/g", &json!({"players": ["ann", "bob"]}));
    let changed = server.call("PUT", "/v1/games/g", &json!({"players": ["ann", "eve"]}));

    assert_eq!((made.status, changed.status), (201, 200));
    let players = server.game("g")["players"].clone();
    let names: Vec<&Value> = players.as_array().unwrap().iter().map(|player| &player["userId"]).collect();
    assert_eq!(names, [&json!("ann"), &json!("eve")]);
}

#[tokio::test]
async fn a_game_shows_how_it_stands() {
    let server = Server::start().await;
    server.put_game("g", &json!({"players": ["ann", "bob"]}));
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    ann.acknowledge(2).await;

    let game = server.game("g");

    let expected = json!([
        {"userId": "ann", "online": true, "lastAckSequence": 2, "backlog": 1},
        {"userId": "bob", "online": false, "lastAckSequence": 0, "backlog": 3},
    ]);
    assert_eq!(game["players"], expected);
    assert_eq!((&game["headSequence"], &game["floorSequence"]), (&json!(3), &json!(0)));
    assert_eq!((&game["gameId"], &game["epoch"]), (&json!("g"), &json!(ann.welcome.epoch)));
}

#[tokio::test]
async fn an_ended_game_closes_its_sockets_and_is_gone() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play("m1").await;

    let ended = server.call("DELETE", "/v1/games/g", &Value::Null);

    assert_eq!(ended.status, 204);
    assert_eq!(ann.ending().await, closed(1000, "Game ended"));
    server.call("GET", "/v1/games/g", &Value::Null).expect(404);
    let token = Dial::new(server.url(), "g").with_resume_token(ann.token());
    assert!(matches!(refused_entry(&token).await, rejoin::client::Ending::Closed { code: 1008, .. }));
}

#[tokio::test]
async fn an_ended_game_stays_ended_after_a_crash() {
    let mut server = Server::with(&[("OPEN_GAMES", "false")]).await;
    server.put_game("g", &json!({"players": ["ann"]}));
    Player::enter(&server.dial("g", "ann")).await.play("m1").await;
    server.call("DELETE", "/v1/games/g", &Value::Null).expect(204);

    server.crash().await;

    server.call("GET", "/v1/games/g", &Value::Null).expect(404);
}

// --- Sessions ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_session_made_by_the_backend_opens_its_seat() {
    let server = Server::with(&[("OPEN_GAMES", "false")]).await;
    server.put_game("g", &json!({"players": ["ann"]}));
    let session = post(&server, "/v1/games/g/sessions", &json!({"userId": "ann"})).expect(201).json();

    let token = session["token"].as_str().unwrap();
    let ann = Player::enter(&Dial::new(server.url(), "g").with_resume_token(token)).await;

    assert!(ann.welcome.resumed);
    assert_eq!(ann.welcome.session_id.as_deref(), session["sessionId"].as_str());
}

#[tokio::test]
async fn the_same_seat_again_is_the_same_session_with_a_fresh_token() {
    let server = Server::start().await;
    server.put_game("g", &json!({}));

    let first = post(&server, "/v1/games/g/sessions", &json!({"userId": "ann"})).json();
    let again = post(&server, "/v1/games/g/sessions", &json!({"userId": "ann"})).json();

    assert_eq!(first["sessionId"], again["sessionId"]);
    assert_ne!(first["token"], again["token"]);
}

#[tokio::test]
async fn a_token_of_a_welcome_is_valid_and_another_is_not() {
    let server = Server::start().await;
    let ann = Player::enter(&server.dial("g", "ann")).await;

    let valid = post(&server, "/v1/sessions/validate", &json!({"token": ann.token()})).expect(200);
    let invalid = post(&server, "/v1/sessions/validate", &json!({"token": "nonsense"})).expect(401);
    let bearer = format!("Bearer {}", ann.token());
    let by_bearer = server.call_with("GET", "/api/auth/session", "", &[("Authorization", &bearer)]).expect(200);

    assert_eq!(valid.json()["sessionId"].as_str(), ann.welcome.session_id.as_deref());
    assert_eq!(by_bearer.json()["sessionId"].as_str(), ann.welcome.session_id.as_deref());
    assert_eq!(invalid.json()["code"], "unauthorized");
}

#[tokio::test]
async fn a_session_is_shown_without_its_token() {
    let server = Server::start().await;
    let ann = Player::enter(&server.dial("g", "ann")).await;
    let session_id = ann.welcome.session_id.clone().unwrap();

    let shown = server.call("GET", &format!("/v1/sessions/{session_id}"), &Value::Null).expect(200);

    assert!(!shown.text.contains(&ann.token()) && !shown.text.contains("token"), "{}", shown.text);
}

#[tokio::test]
async fn a_revoked_session_is_closed_and_refused_at_once() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let session_id = ann.welcome.session_id.clone().unwrap();

    let revoked = server.call("DELETE", &format!("/v1/sessions/{session_id}"), &Value::Null);

    assert!(matches!(revoked.status, 200 | 204), "{revoked:?}");
    let dial = Dial::new(server.url(), "g").with_resume_token(ann.token());
    assert_eq!(refused_entry(&dial).await, closed(1008, "Session revoked"));
    assert_eq!(ann.ending().await, closed(1008, "Session revoked"));
}

#[tokio::test]
async fn a_revoked_session_stays_revoked_after_a_crash() {
    let mut server = Server::start().await;
    let ann = Player::enter(&server.dial("g", "ann")).await;
    let session_id = ann.welcome.session_id.clone().unwrap();
    server.call("DELETE", &format!("/v1/sessions/{session_id}"), &Value::Null);

    server.crash().await;

    let dial = Dial::new(server.url(), "g").with_resume_token(ann.token());
    assert_eq!(refused_entry(&dial).await, closed(1008, "Session revoked"));
}

#[tokio::test]
async fn a_revoked_seat_holds_back_nothing() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let bob = Player::enter(&server.dial("g", "bob")).await;
    ann.play_all(1..=3).await;
    ann.acknowledge(3).await;

    let session_id = bob.welcome.session_id.clone().unwrap();
    server.call("DELETE", &format!("/v1/sessions/{session_id}"), &Value::Null);

    assert_eq!(server.game("g")["floorSequence"], 3);
}

#[tokio::test]
async fn all_sessions_of_a_user_are_revoked_at_once() {
    let server = Server::start().await;
    let mut players = Vec::new();
    for game_id in ["g1", "g2", "g3"] {
        players.push(Player::enter(&server.dial(game_id, "ann")).await);
    }
    let mut bob = Player::enter(&server.dial("g1", "bob")).await;

    let revoked = server.call("DELETE", "/v1/users/ann/sessions", &Value::Null).expect(200).json();

    assert_eq!(revoked, json!({"revoked": 3}));
    for player in &mut players {
        assert_eq!(player.ending().await, closed(1008, "Session revoked"));
    }
    assert_eq!(bob.play("m1").await.sequence, 1);
}

// --- Who may call, and what is measured ---------------------------------------------------------------------------

#[tokio::test]
async fn nobody_calls_without_the_api_token() {
    let server = Server::start().await;
    server.put_game("g", &json!({}));
    let calls =
        [("PUT", "/v1/games/g"), ("GET", "/v1/games/g"), ("DELETE", "/v1/games/g"), ("GET", "/v1/games/g/events")];
    for (method, path) in calls {
        for headers in [&[][..], &[("X-API-Token", "wrong")], &[("Authorization", "Bearer wrong")]] {
            let answer = server.call_with(method, path, "", headers).expect(401);

            assert_eq!(answer.content_type, "application/problem+json");
            assert_eq!(answer.json()["code"], "unauthorized", "{method} {path} {headers:?}");
        }
    }
    server.call_with("GET", "/v1/games/g", "", &[("Authorization", &format!("Bearer {API_TOKEN}"))]).expect(200);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_and_names_the_field() {
    let server = Server::start().await;
    server.put_game("g", &json!({}));
    let headers = [("X-API-Token", API_TOKEN)];
    for (body, field) in [
        ("{", ""),
        (r#"{"type":"move","payload":{},"expect":"1"}"#, "expect"),
        (r#"{"type":5,"payload":{}}"#, "type"),
        (r#"{"type":"move","payload":[]}"#, "payload"),
        (r#"{"type":"move","payload":{},"userId":"a b"}"#, "userId"),
    ] {
        let answer = server.call_with("POST", "/v1/games/g/events", body, &headers).expect(400).json();

        assert_eq!(answer["code"], "invalid_message", "{body}");
        assert!(answer["detail"].as_str().unwrap().contains(field), "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_too_large() {
    let server = Server::start().await;
    server.put_game("g", &json!({}));

    let body = json!({"type": "move", "payload": {"a": "x".repeat(70_000)}});

    assert_eq!(post(&server, "/v1/games/g/events", &body).expect(413).json()["code"], "too_large");
}

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let server = Server::start().await;

    server.call_with("GET", "/healthz", "", &[]).expect(200);
    let ready = server.call_with("GET", "/readyz", "", &[]).expect(200).json();

    assert_eq!(ready["status"], "ready");
}

#[tokio::test]
async fn connections_and_their_ends_are_counted() {
    let server = Server::start().await;
    let ann = Player::enter(&server.dial("g", "ann")).await;
    let open = server.metric("ws_connections", &[r#"role="player""#]);
    refused_entry(&Dial::new(server.url(), "g").with_resume_token("nonsense")).await;

    ann.link.close().await;
    until("ann to be counted out", SOON, || server.metric("ws_connections", &[r#"role="player""#]) == 0).await;

    assert_eq!(open, 1);
    assert_eq!(server.metric("ws_resume_invalid_token_total", &[]), 1);
    until("the refusal to be counted", SOON, || server.metric("ws_closes_total", &[r#"code="1008""#]) == 1).await;
}
