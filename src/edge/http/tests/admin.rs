use actix_web::test::TestRequest;
use serde_json::json;

use super::{Kit, caller, operator};
use crate::store::faulty::{Fault, Whose};

#[actix_web::test]
async fn operators_always_show_a_token() {
    let kit = Kit::with(&[("READ_REQUIRES_AUTH", "false")]);
    let caller = operator(&kit).await;

    for path in ["/admin/shards", "/admin/config", "/admin/nothing"] {
        let refused = caller.send(TestRequest::with_uri(path)).await;
        assert_eq!(refused.problem(), (401, "unauthorized".to_owned()));
    }
}

#[actix_web::test]
async fn the_public_listener_serves_operators_only_where_told_to() {
    let kit = Kit::with(&[("ADMIN_PUBLIC", "true")]);
    let caller = caller(&kit).await;

    assert_eq!(caller.get("/admin/shards").await.status, 200);
    assert_eq!(caller.send(TestRequest::with_uri("/admin/shards")).await.status, 401);
}

#[actix_web::test]
async fn shards_are_shown_one_by_one() {
    let kit = Kit::start();
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    public.put("/v1/games/g1", "").await;

    let shown = admin.get("/admin/shards").await.json();

    let shards = shown["shards"].as_array().unwrap();
    let entries: Vec<u64> = shards.iter().map(|shard| shard["entries"].as_u64().unwrap()).collect();
    assert_eq!(entries.iter().sum::<u64>(), 1);
    assert_eq!(shown["imbalance"], 1.0);
    assert_eq!(shards[1]["shard"], 1);
    assert_eq!(shards[0]["mailboxCapacity"], 1_000);
    assert_eq!(shards[0]["budgetBytes"], 33_554_432);
    assert_eq!(shards[0]["queueDepth"], 0);
}

#[actix_web::test]
async fn flushing_drops_memory_and_loses_nothing() {
    let kit = Kit::start();
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    for body in [r#"{"gameId":"g1"}"#, r#"{"redis":true}"#, ""] {
        public.put("/v1/games/g1", "").await;

        assert_eq!(admin.post("/admin/cache/flush", body).await.status, 204);

        let game = public.get("/v1/games/g1").await;
        assert_eq!((game.status, &game.json()["cached"]), (200, &false.into()), "{body}");
    }
    assert_eq!(admin.post("/admin/cache/flush", r#"{"gameId":""}"#).await.problem().0, 400);
}

#[actix_web::test]
async fn settings_are_shown_without_secrets() {
    let kit = Kit::start();
    let caller = operator(&kit).await;

    let shown = caller.get("/admin/config").await;

    let settings = shown.json()["settings"].as_array().unwrap().clone();
    let port = settings.iter().find(|setting| setting["name"] == "PORT").unwrap();
    assert_eq!(*port, json!({ "name": "PORT", "value": "8080", "origin": "default", "reloads": false }));
    assert!(!shown.text().contains(super::API_TOKEN) && shown.text().contains("********"));
}

#[actix_web::test]
async fn the_log_level_is_one_of_five() {
    let kit = Kit::start();
    let caller = operator(&kit).await;

    let set = caller.put("/admin/log-level", r#"{"level":"error"}"#).await;
    let unfit = caller.put("/admin/log-level", r#"{"level":"loud"}"#).await;

    assert_eq!((set.status, set.json()), (200, json!({ "level": "error" })));
    assert_eq!(unfit.problem(), (400, "invalid_message".to_owned()));
    assert!(unfit.detail().starts_with("level: unknown variant"), "{}", unfit.detail());
}

#[actix_web::test]
async fn the_log_level_in_force_is_shown() {
    let kit = Kit::start();
    let caller = operator(&kit).await;
    caller.put("/admin/log-level", r#"{"level":"error"}"#).await;

    assert_eq!(caller.get("/admin/log-level").await.json(), json!({ "level": "error" }));
}

#[actix_web::test]
async fn a_game_is_looked_at_where_it_is_and_stays_there() {
    let kit = Kit::start();
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    public.put("/v1/games/g1", r#"{"players":["ann","bob"]}"#).await;
    public.post("/v1/games/g1/sessions", r#"{"userId":"ann"}"#).await;
    public.post("/v1/games/g1/events", r#"[{"type":"move","payload":{}},{"type":"move","payload":{}}]"#).await;
    public.post("/v1/games/g1/acks", r#"{"userId":"ann","sequence":1}"#).await;

    let warm = admin.get("/admin/games/g1").await.json();
    // What is acknowledged waits to be written, and keeps its game in memory meanwhile.
    public.put("/v1/games/g2", "").await;
    admin.post("/admin/cache/flush", r#"{"gameId":"g2"}"#).await;
    let cold = admin.get("/admin/games/g2").await.json();
    let still_cold = admin.get("/admin/games/g2").await.json();

    assert_eq!((&warm["foundIn"], &warm["memory"]["events"]), (&json!("memory"), &json!(2)));
    assert_eq!(warm["redis"], json!({ "state": "unused" }));
    assert_eq!(warm["store"], json!({ "state": "present", "headSequence": 2, "floorSequence": 0 }));
    let seats: Vec<_> = warm["game"]["seats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seat| {
            (seat["userId"].as_str().unwrap(), seat["backlog"].as_u64().unwrap(), seat["holdsFloor"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(seats, [("ann", 1, false), ("bob", 2, true)]);
    assert_eq!((&cold["foundIn"], &cold["memory"]), (&json!("store"), &json!({ "state": "absent" })));
    assert_eq!((&cold["game"]["headSequence"], &still_cold["foundIn"]), (&json!(0), &json!("store")));
    assert_eq!(admin.get("/admin/games/never").await.problem(), (404, "not_found".to_owned()));
}

#[actix_web::test]
async fn a_game_in_memory_is_shown_though_the_store_is_away() {
    let kit = Kit::start();
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    public.put("/v1/games/g1", "").await;
    kit.faults.set(Whose::All, Fault::Unavailable);

    let here = admin.get("/admin/games/g1").await.json();
    let unknown = admin.get("/admin/games/g2").await.json();

    assert_eq!((&here["foundIn"], &here["store"]), (&json!("memory"), &json!({ "state": "unavailable" })));
    assert_eq!((&unknown["foundIn"], &unknown["game"]), (&json!("nowhere"), &json!(null)));
}

#[actix_web::test]
async fn operators_revoke_a_seat_on_their_own_listener() {
    let kit = Kit::start();
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    let seat = public.post("/v1/games/g1/sessions", r#"{"userId":"ann"}"#).await.json();
    let path = format!("/admin/sessions/{}", seat["sessionId"].as_str().unwrap());

    assert_eq!(admin.send(TestRequest::delete().uri(&path)).await.status, 401);
    assert_eq!(admin.delete(&path).await.json(), json!({ "revoked": 1 }));

    let seats = admin.get("/admin/games/g1").await.json()["game"]["seats"].clone();
    assert!(seats[0]["revokedAt"].is_i64(), "{seats}");
}

#[actix_web::test]
async fn there_is_no_redis_tier_to_switch() {
    let kit = Kit::start();
    let caller = operator(&kit).await;
    let put = async |body: &str| caller.put("/admin/flags", body).await.problem();

    let flags = caller.get("/admin/flags").await.json();

    assert_eq!(flags, json!({ "redisReadThrough": { "enabled": false, "percent": 100 } }));
    assert_eq!(put(r#"{"redisReadThrough":{"enabled":true}}"#).await, (409, "conflict".to_owned()));
    assert_eq!(put(r#"{"redisReadThrough":{"percent":101}}"#).await, (400, "invalid_message".to_owned()));
    assert_eq!(put("{}").await, (400, "invalid_message".to_owned()));
}

#[actix_web::test]
async fn the_breaker_before_the_stores_reads_opens_and_is_shown() {
    let kit = Kit::with(&[("BREAKER_MIN_CALLS", "4"), ("BREAKER_RESET_MS", "60000")]);
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    kit.faults.set(Whose::All, Fault::Unavailable);

    for number in 0..5 {
        assert_eq!(public.get(&format!("/v1/games/g{number}")).await.problem(), (503, "unavailable".to_owned()));
    }
    kit.faults.lift();

    let shown = admin.get("/admin/breakers").await.json();
    let breaker = json!({
        "dependency": "store", "state": "open", "recentCalls": 0, "recentFailures": 0,
        "calls": 4, "failures": 4, "refused": 1, "opened": 1,
    });
    assert_eq!(shown, json!({ "breakers": [breaker] }));
    assert_eq!(public.get("/v1/games/g1").await.status, 503, "what keeps failing is left alone");
}

#[actix_web::test]
async fn cleaning_up_says_what_it_removed() {
    let kit = Kit::start();
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    public.put("/v1/games/g1", "").await;
    public.post("/v1/games/g1/sessions", r#"{"userId":"ann"}"#).await;
    public.post("/v1/games/g1/events", r#"{"type":"move","payload":{}}"#).await;
    kit.clock.advance(std::time::Duration::from_secs(604_801));

    let cleaned = admin.post("/admin/cleanup", "").await;

    assert_eq!((cleaned.status, cleaned.json()), (200, json!({ "sessions": 1, "games": 1, "events": 1 })));
    assert_eq!(public.get("/v1/games/g1").await.status, 404);
}
