use actix_web::http::Method;

use super::{Kit, caller, request};
use crate::store::faulty::{Fault, Whose};

const EVENTS: &str = "/v1/games/g1/events";

#[actix_web::test]
async fn an_event_is_recorded_and_comes_back_byte_for_byte() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    let epoch = caller.put("/v1/games/g1", "").await.json()["epoch"].clone();
    let payload = r#"{"a":1.0,"b":1e2,"a":2,"c":"\u00e9","d":1234567890123456789012345678901234567890}"#;
    let body = format!(r#"{{"type":"move","userId":"ann","ref":"r1","payload": {payload} ,"later":"field"}}"#);

    let recorded = caller.post(EVENTS, &body).await;
    let read = caller.get(EVENTS).await;

    assert_eq!(recorded.status, 201);
    let expected = serde_json::json!({ "sequence": 1, "epoch": epoch, "createdAt": 1_700_000_000_000_i64 });
    assert_eq!(recorded.json(), expected);
    let event = format!(
        r#"{{"sequence":1,"type":"move","payload":{payload},"userId":"ann","ref":"r1","createdAt":1700000000000}}"#
    );
    let epoch = epoch.as_str().unwrap();
    assert_eq!(
        read.text(),
        format!(r#"{{"events":[{event}],"headSequence":1,"floorSequence":0,"epoch":"{epoch}","recovered":true}}"#)
    );
}

#[actix_web::test]
async fn a_repeated_ref_gets_the_original() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let body = r#"{"type":"move","payload":{},"userId":"ann","ref":"r1"}"#;

    let first = caller.post(EVENTS, body).await;
    kit.clock.advance(std::time::Duration::from_secs(1));
    let second = caller.post(EVENTS, body).await;

    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.json(), second.json());
    let batch = format!(r#"[{body},{{"type":"move","payload":{{}}}}]"#);
    let mixed = caller.post(EVENTS, &batch).await;
    assert_eq!((mixed.status, &mixed.json()[0]["sequence"], &mixed.json()[1]["sequence"]), (201, &1.into(), &2.into()));
    assert_eq!(caller.post(EVENTS, &format!("[{body}]")).await.status, 200);
}

#[actix_web::test]
async fn a_list_is_recorded_all_or_none() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let list = |len: usize| format!("[{}]", vec![r#"{"type":"move","payload":{}}"#; len].join(","));

    let whole = caller.post(EVENTS, &list(256)).await;
    assert_eq!((whole.status, whole.json().as_array().unwrap().len()), (201, 256));

    let refused = r#"[{"type":"move","payload":{}},{"type":"move","payload":{},"expect":7}]"#;
    assert_eq!(caller.post(EVENTS, refused).await.problem(), (409, "conflict".to_owned()));
    let unfit = caller.post(EVENTS, r#"[{"type":"move","payload":{}},{"type":"Move","payload":{}}]"#).await;
    assert_eq!(unfit.problem(), (400, "invalid_message".to_owned()));
    assert!(unfit.detail().starts_with("[1].type: type must match"), "{}", unfit.detail());
    assert_eq!(caller.post(EVENTS, &list(257)).await.problem(), (400, "invalid_message".to_owned()));
    assert_eq!(caller.post(EVENTS, "[]").await.problem(), (400, "invalid_message".to_owned()));
    assert_eq!(caller.get("/v1/games/g1").await.json()["headSequence"], 256);
}

#[actix_web::test]
async fn a_conflict_says_where_the_head_is() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let expecting = |head: u64| format!(r#"{{"type":"move","payload":{{}},"expect":{head}}}"#);

    let recorded = caller.post(EVENTS, &expecting(0)).await;
    let refused = caller.post(EVENTS, &expecting(0)).await;

    assert_eq!(recorded.status, 201);
    assert_eq!(refused.problem(), (409, "conflict".to_owned()));
    assert_eq!(refused.json()["headSequence"], 1);
}

#[actix_web::test]
async fn what_is_wrong_with_an_event_is_named() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let deep = format!(r#"{{"type":"move","payload":{{"a":{}{}}}}}"#, "[".repeat(1_000), "]".repeat(1_000));

    for (body, detail) in [
        ("", "missing field `type`"),
        ("nonsense", "expected ident"),
        (r#""text""#, "invalid type: string"),
        (r#"{"payload":{}}"#, "missing field `type`"),
        (r#"{"type":"move"}"#, "missing field `payload`"),
        (r#"{"type":7,"payload":{}}"#, "type: invalid type"),
        (r#"{"type":"flag_fall","payload":{}}"#, "type: type `flag_fall` is kept"),
        (r#"{"type":"move","payload":[]}"#, "payload: must be a JSON object"),
        (r#"{"type":"move","payload":{},"userId":""}"#, "userId: userId must be"),
        (r#"{"type":"move","payload":{},"ref":""}"#, "ref: ref must be"),
        (r#"{"type":"move","payload":{},"expect":-1}"#, "expect: invalid value"),
        (r#"{"type":"move","payload":{},"next":5}"#, "next: invalid type"),
        (&deep, "payload: must not nest deeper than 128 levels"),
    ] {
        let response = caller.post(EVENTS, body).await;
        assert_eq!(response.problem(), (400, "invalid_message".to_owned()), "{body}");
        assert!(response.detail().starts_with(detail), "{body}: {}", response.detail());
    }
    assert_eq!(caller.get("/v1/games/g1").await.json()["headSequence"], 0);
}

#[actix_web::test]
async fn events_are_read_after_a_sequence_and_up_to_a_limit() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    for _ in 0..3 {
        caller.post(EVENTS, &format!("[{}]", vec![r#"{"type":"move","payload":{}}"#; 40].join(","))).await;
    }
    let read = async |query: &str| {
        let body = caller.get(&format!("{EVENTS}?{query}")).await.json();
        let events = body["events"].as_array().unwrap();
        let first = events.first().map(|event| event["sequence"].as_u64().unwrap());
        (first, events.len(), body["recovered"].as_bool().unwrap())
    };

    assert_eq!(read("").await, (Some(1), 120, true));
    assert_eq!(read("after=7&limit=5").await, (Some(8), 5, true));
    assert_eq!(read("after=100").await, (Some(101), 20, true));
    assert_eq!(read("after=120").await, (None, 0, true));
    assert_eq!(read("after=121").await, (None, 0, false));
    assert_eq!(read("after=18446744073709551615").await, (None, 0, false));
    for (query, field) in [("limit=1001", "limit"), ("limit=x", "limit"), ("after=-1", "after")] {
        let response = caller.get(&format!("{EVENTS}?{query}")).await;
        assert_eq!(response.problem(), (400, "invalid_message".to_owned()));
        assert!(response.detail().starts_with(field));
    }
}

#[actix_web::test]
async fn an_acknowledgement_prunes_and_never_lies_above_the_head() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", r#"{"players":["ann"]}"#).await;
    caller.post("/v1/games/g1/sessions", r#"{"userId":"ann"}"#).await;
    caller.post(EVENTS, r#"[{"type":"move","payload":{}},{"type":"move","payload":{}}]"#).await;

    let kept = caller.post("/v1/games/g1/acks", r#"{"userId":"ann","sequence":1}"#).await;
    let ahead = caller.post("/v1/games/g1/acks", r#"{"userId":"ann","sequence":3}"#).await;
    let nobody = caller.post("/v1/games/g1/acks", r#"{"userId":"bob","sequence":1}"#).await;

    let expected = serde_json::json!({ "sequence": 1, "backlog": 1, "floorSequence": 1 });
    assert_eq!((kept.status, kept.json()), (200, expected));
    assert_eq!(ahead.problem(), (400, "invalid_ack".to_owned()));
    assert_eq!(nobody.problem(), (404, "not_found".to_owned()));
    assert_eq!(caller.get(EVENTS).await.json()["recovered"], false);
}

#[actix_web::test]
async fn a_payload_has_a_largest_size() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let sized = |bytes: usize| {
        let text = "x".repeat(bytes - r#"{"a":""}"#.len());
        format!(r#"{{"type":"move","payload":{{"a":"{text}"}}}}"#)
    };

    assert_eq!(caller.post(EVENTS, &sized(65_536)).await.status, 201);
    let large = caller.post(EVENTS, &sized(65_537)).await;
    assert_eq!(large.problem(), (413, "too_large".to_owned()));
    assert_eq!(large.detail(), "payload has 65537 bytes, more than 65536");
    let of_list = caller.post(EVENTS, &format!("[{}]", sized(65_537))).await;
    assert_eq!(of_list.problem(), (413, "too_large".to_owned()));
    assert!(of_list.detail().starts_with("[0].payload has"));
    assert_eq!(caller.post(EVENTS, &sized(80_000)).await.problem(), (413, "too_large".to_owned()));
    let state = format!(r#"{{"sequence":0,"state":{{"a":"{}"}}}}"#, "x".repeat(65_536));
    assert_eq!(caller.put("/v1/games/g1/summary", &state).await.problem(), (413, "too_large".to_owned()));
}

#[actix_web::test]
async fn a_failed_store_and_an_unknown_outcome_are_said() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;
    let body = r#"{"type":"move","payload":{},"userId":"ann","ref":"r1"}"#;

    kit.faults.once(Whose::All, Fault::Unavailable);
    let unavailable = caller.post(EVENTS, body).await;
    kit.faults.lift();
    kit.faults.once(Whose::All, Fault::UnknownDone);
    let unknown = caller.post(EVENTS, body).await;
    kit.faults.lift();
    let again = caller.post(EVENTS, body).await;

    assert_eq!(unavailable.problem(), (503, "unavailable".to_owned()));
    assert_eq!(unavailable.header("retry-after"), "1");
    assert_eq!(unavailable.json()["retryAfterMs"], 1_000);
    assert_eq!(unknown.problem(), (504, "unknown".to_owned()));
    assert_eq!((again.status, &again.json()["sequence"]), (200, &1.into()));
}

#[actix_web::test]
async fn head_is_answered_like_get() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;

    assert_eq!(caller.send(request(Method::HEAD, EVENTS, "")).await.status, 200);
}
