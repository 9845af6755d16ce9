use super::{Kit, caller};

#[actix_web::test]
async fn a_game_is_made_then_changed() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    let made = caller.put("/v1/games/g1", r#"{"players":["ann","bob"],"metadata":{"b":1.0,"a":2}}"#).await;
    let changed = caller.put("/v1/games/g1", r#"{"open":true}"#).await;

    assert_eq!((made.status, changed.status), (201, 200));
    let game = changed.json();
    assert_eq!(game["gameId"], "g1");
    assert_eq!(game["headSequence"], 0);
    assert_eq!(game["floorSequence"], 0);
    assert_eq!(game["open"], true);
    assert_eq!(game["players"][1]["userId"], "bob");
    assert_eq!(game["players"][1]["online"], false);
    assert_eq!(game["players"][1]["lastAckSequence"], 0);
    assert_eq!(game["createdAt"], 1_700_000_000_000_i64);
    assert_eq!(game["epoch"], made.json()["epoch"]);
    assert!(game.get("summary").is_none() && game.get("timer").is_none());
    assert!(changed.text().contains(r#""metadata":{"b":1.0,"a":2}"#));
}

#[actix_web::test]
async fn a_game_says_whether_it_was_in_memory() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", "").await;

    let before = caller.get("/v1/games/g1").await;
    assert_eq!(caller.post("/admin/cache/flush", r#"{"gameId":"g1"}"#).await.status, 404);
    kit.edge.shards.tell_all(|| crate::shard::messages::Notice::Flush(None));
    let after = caller.get("/v1/games/g1").await;

    assert_eq!((before.status, after.status), (200, 200));
    assert_eq!((&before.json()["cached"], &after.json()["cached"]), (&true.into(), &false.into()));
}

#[actix_web::test]
async fn a_game_that_is_not_there_is_not_found() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    for response in [
        caller.get("/v1/games/g1").await,
        caller.delete("/v1/games/g1").await,
        caller.put("/v1/games/g1/summary", r#"{"sequence":0,"state":{}}"#).await,
        caller.post("/v1/games/g1/events", r#"{"type":"move","payload":{}}"#).await,
        caller.get("/v1/games/g1/events").await,
        caller.post("/v1/games/g1/acks", r#"{"userId":"ann","sequence":0}"#).await,
    ] {
        assert_eq!(response.problem(), (404, "not_found".to_owned()));
    }
}

#[actix_web::test]
async fn a_game_made_again_has_another_epoch() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    let first = caller.put("/v1/games/g1", "").await.json();
    caller.post("/v1/games/g1/events", r#"{"type":"move","payload":{}}"#).await;

    assert_eq!(caller.delete("/v1/games/g1").await.status, 204);
    assert_eq!(caller.get("/v1/games/g1/events").await.status, 404);
    let second = caller.put("/v1/games/g1", "").await;

    assert_eq!((second.status, &second.json()["headSequence"]), (201, &0.into()));
    assert_ne!(second.json()["epoch"], first["epoch"]);
}

#[actix_web::test]
async fn what_is_wrong_with_a_game_is_named() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    let crowd = format!("{{\"players\":[{}]}}", (0..65).map(|n| format!("\"u{n}\"")).collect::<Vec<_>>().join(","));
    let deep = format!(r#"{{"metadata":{{"a":{}1{}}}}}"#, "[".repeat(1_000), "]".repeat(1_000));

    for (body, detail) in [
        (r#"{"players":["ann","a b"]}"#, "players[1]: userId must be"),
        (r#"{"players":["ann","ann"]}"#, "players: `ann` is named twice"),
        (r#"{"players":"ann"}"#, "players: invalid type"),
        (r#"{"open":1}"#, "open: invalid type"),
        (r#"{"metadata":[]}"#, "metadata: must be a JSON object"),
        (r#"{"timeControl":{"preset":"BLITZ"}}"#, "players: a game with a timeControl names its players"),
        (&crowd, "players: 65 are named"),
        (&deep, "metadata: must not nest deeper"),
        ("[]", "invalid length 0"),
        ("{", "EOF while parsing"),
    ] {
        let response = caller.put("/v1/games/g1", body).await;
        assert_eq!(response.problem(), (400, "invalid_message".to_owned()), "{body}");
        assert!(response.detail().starts_with(detail), "{body}: {}", response.detail());
    }
    let response = caller.put(&format!("/v1/games/{}", "x".repeat(129)), "{}").await;
    assert_eq!(response.problem(), (400, "invalid_message".to_owned()));
    assert!(response.detail().starts_with("gameId must be"), "{}", response.detail());
    assert_eq!(caller.get("/v1/games/g1").await.status, 404);
}

#[actix_web::test]
async fn a_summary_lies_between_floor_and_head() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put("/v1/games/g1", r#"{"players":["ann"]}"#).await;
    caller.post("/v1/games/g1/events", r#"{"type":"move","payload":{}}"#).await;

    let kept = caller.put("/v1/games/g1/summary", r#"{"sequence":1,"state":{"board":"e4"}}"#).await;
    let ahead = caller.put("/v1/games/g1/summary", r#"{"sequence":2,"state":{}}"#).await;

    assert_eq!((kept.status, kept.json()), (200, serde_json::json!({ "sequence": 1 })));
    assert_eq!(ahead.problem(), (400, "invalid_message".to_owned()));
    assert_eq!(caller.get("/v1/games/g1").await.json()["summary"]["sequence"], 1);
}
