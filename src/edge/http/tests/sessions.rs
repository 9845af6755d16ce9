use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::json;

use super::{Kit, caller};

const SESSIONS: &str = "/v1/games/g1/sessions";

#[actix_web::test]
async fn the_same_seat_again_is_the_same_session_with_a_fresh_token() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;

    let first = caller.post(SESSIONS, r#"{"userId":"ann","metadata":{"z":1,"a":1.0}}"#).await;
    let second = caller.post(SESSIONS, r#"{"userId":"ann"}"#).await;

    assert_eq!((first.status, second.status), (201, 201));
    let (first, second) = (first.json(), second.json());
    assert_eq!(first["sessionId"], second["sessionId"]);
    assert_ne!(first["token"], second["token"]);
    assert_eq!(first["issuedAt"], 1_700_000_000_000_i64);
    assert_eq!(first["expiresAt"], 1_700_001_800_000_i64);
    assert_eq!(first["lastAckSequence"], 0);
}

#[actix_web::test]
async fn a_session_is_shown_without_its_token() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let taken = caller.post(SESSIONS, r#"{"userId":"ann","metadata":{"z":1,"a":1.0}}"#).await.json();
    let path = format!("/v1/sessions/{}", taken["sessionId"].as_str().unwrap());

    let shown = caller.get(&path).await;

    let id = taken["sessionId"].as_str().unwrap();
    assert_eq!(
        shown.text(),
        format!(
            r#"{{"sessionId":"{id}","gameId":"g1","userId":"ann","lastAckSequence":0,"issuedAt":1700000000000,"expiresAt":1700001800000,"lastHeartbeatAt":1700000000000,"revoked":false,"metadata":{{"z":1,"a":1.0}}}}"#
        )
    );
}

#[actix_web::test]
async fn a_token_is_validated_for_backends_and_for_its_holder() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let taken = caller.post(SESSIONS, r#"{"userId":"ann"}"#).await.json();
    let token = taken["token"].as_str().unwrap();
    let bearer = |token: &str| {
        TestRequest::with_uri("/api/auth/session").insert_header(("authorization", format!("Bearer {token}")))
    };

    let validated = caller.post("/v1/sessions/validate", &json!({ "token": token }).to_string()).await;
    let held = caller.send(bearer(token)).await;

    assert_eq!((validated.status, &validated.json()["userId"]), (200, &"ann".into()));
    assert_eq!((held.status, held.json()), (200, validated.json()));
    assert!(!held.text().contains(token));
    let forged = format!("B{}", &token[1..]);
    for refused in [
        caller.send(bearer("nonsense")).await,
        caller.send(TestRequest::with_uri("/api/auth/session")).await,
        caller.post("/v1/sessions/validate", r#"{"token":""}"#).await,
        caller.post("/v1/sessions/validate", &json!({ "token": forged }).to_string()).await,
    ] {
        assert_eq!(refused.problem(), (401, "unauthorized".to_owned()));
        assert_eq!(refused.detail(), "a valid token is needed");
        assert_eq!(refused.header("www-authenticate"), "Bearer");
    }
    assert_eq!(caller.post("/v1/sessions/validate", "{}").await.problem(), (400, "invalid_message".to_owned()));
    caller.delete("/v1/games/g1").await;
    assert_eq!(caller.send(bearer(token)).await.problem(), (401, "unauthorized".to_owned()));
}

#[actix_web::test]
async fn a_heartbeat_slides_the_expiry_until_it_is_over() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let taken = caller.post(SESSIONS, r#"{"userId":"ann"}"#).await.json();
    let path = format!("/v1/sessions/{}/heartbeat", taken["sessionId"].as_str().unwrap());

    kit.clock.advance(Duration::from_secs(60));
    let slid = caller.post(&path, "").await;
    kit.clock.advance(Duration::from_secs(1_801));
    let late = caller.post(&path, "").await;

    assert_eq!((slid.status, &slid.json()["expiresAt"]), (200, &1_700_001_860_000_i64.into()));
    assert_eq!(late.problem(), (401, "unauthorized".to_owned()));
}

#[actix_web::test]
async fn a_revoked_session_is_refused_at_once() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let taken = caller.post(SESSIONS, r#"{"userId":"ann"}"#).await.json();
    let path = format!("/v1/sessions/{}", taken["sessionId"].as_str().unwrap());
    let token = json!({ "token": taken["token"] }).to_string();

    let revoked = caller.delete(&path).await;
    let again = caller.delete(&path).await;

    assert_eq!((revoked.status, revoked.json()), (200, json!({ "revoked": 1 })));
    assert_eq!((again.status, again.json()), (200, json!({ "revoked": 0 })));
    assert_eq!(caller.post("/v1/sessions/validate", &token).await.status, 401);
    assert_eq!(caller.get(&path).await.json()["revoked"], true);
}

#[actix_web::test]
async fn all_sessions_of_a_user_are_revoked_in_bulk() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    for game in ["g1", "g2", "g3"] {
        caller.put(&format!("/v1/games/{game}"), "").await;
        caller.post(&format!("/v1/games/{game}/sessions"), r#"{"userId":"ann"}"#).await;
    }

    let revoked = caller.delete("/v1/users/ann/sessions").await;

    assert_eq!((revoked.status, revoked.json()), (200, json!({ "revoked": 3 })));
    assert_eq!(caller.delete("/v1/users/ann/sessions").await.json(), json!({ "revoked": 0 }));
    assert_eq!(caller.delete("/v1/users/a%20b/sessions").await.problem(), (400, "invalid_message".to_owned()));
}

#[actix_web::test]
async fn a_session_that_is_not_there_is_not_found() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    for id in ["nonsense", "00000000-0000-4000-8000-000000000000"] {
        let path = format!("/v1/sessions/{id}");
        for response in
            [caller.get(&path).await, caller.delete(&path).await, caller.post(&format!("{path}/heartbeat"), "").await]
        {
            assert_eq!(response.problem(), (404, "not_found".to_owned()), "{id}");
        }
    }
}
