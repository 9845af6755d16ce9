//! SIGHUP: a running server takes up what its file says by then, and nobody is disconnected by it.

use std::time::Duration;

use rejoin::client::{Dial, Incoming, mint_access_token};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{
    ACCESS_SECRET, API_TOKEN, Player, SOON, Server, claims, closed, refused_entry, refused_upgrade, until,
};

const NEW_SECRET: &str = "a new secret for the tests of reloading";
const OLD_SECRET: &str = "an old secret for the tests of reloading";
/// Where no Redis is: the switch before the tier can be turned all the same.
const NO_REDIS: (&str, &str) = ("SESSION_REDIS_URL", "redis://127.0.0.1:1");
const ADMIN: (&str, &str) = ("ADMIN_PUBLIC", "true");

/// The status of a read with this token.
fn status(server: &Server, token: &str) -> u16 {
    server.call_with("GET", "/v1/games/g", "", &[("X-API-Token", token)]).status
}

fn lines<'a>(log: &'a [String], parts: &[&str]) -> Vec<&'a String> {
    log.iter().filter(|line| parts.iter().all(|part| line.contains(part))).collect()
}

#[tokio::test]
async fn the_api_token_is_rotated_under_play() {
    let both = format!("API_TOKEN='{NEW_SECRET},{API_TOKEN}'\n");
    let server = Server::with_file(&format!("API_TOKEN='{API_TOKEN}'\n"), &[("API_TOKEN", "")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    assert_eq!((status(&server, API_TOKEN), status(&server, NEW_SECRET)), (200, 401));

    server.reload(&both).await;
    assert_eq!((status(&server, API_TOKEN), status(&server, NEW_SECRET)), (200, 200));
    let log = server.reload(&format!("API_TOKEN='{NEW_SECRET}'\nREAD_REQUIRES_AUTH=true\n")).await;
    assert_eq!((status(&server, API_TOKEN), status(&server, NEW_SECRET)), (401, 200));
    server.reload(&format!("API_TOKEN='{NEW_SECRET}'\nREAD_REQUIRES_AUTH=false\n")).await;

    assert_eq!(status(&server, "no token"), 200);
    assert_eq!(ann.play("m1").await.sequence, 1);
    assert_eq!(lines(&log, &["Changed a setting", "API_TOKEN", "(not shown)"]).len(), 1, "{log:#?}");
    assert_eq!(lines(&server.log(), &[NEW_SECRET]).len(), 0);
}

#[tokio::test]
async fn the_secrets_of_tokens_are_rotated_under_play() {
    let unset = [("SESSION_TOKEN_SECRET", ""), ("ACCESS_TOKEN_SECRET", "")];
    let file =
        |session: &str, access: &str| format!("SESSION_TOKEN_SECRET='{session}'\nACCESS_TOKEN_SECRET='{access}'\n");
    let server = Server::with_file(&file(OLD_SECRET, ACCESS_SECRET), &unset).await;
    let with_secret = |secret: &str, user: &str| {
        let token = mint_access_token(&claims(user), secret).unwrap();
        Dial::new(server.url(), "g").with_access_token(token)
    };
    let ann = Player::enter(&server.dial("g", "ann")).await;
    let resume = |token: String| Dial::new(server.url(), "g").with_resume_token(token);

    let both = |old: &str| format!("{NEW_SECRET},{old}");
    server.reload(&file(&both(OLD_SECRET), &both(ACCESS_SECRET))).await;
    let mut back = Player::enter(&resume(ann.token())).await;
    assert!(back.welcome.resumed);
    // The old token is good until the new one has been seen.
    back.ping().await;
    Player::enter(&with_secret(NEW_SECRET, "bob")).await;
    server.reload(&file(NEW_SECRET, NEW_SECRET)).await;

    assert_eq!(refused_entry(&resume(ann.token())).await, closed(1008, "Invalid resume token"));
    assert_eq!(refused_entry(&with_secret(ACCESS_SECRET, "cat")).await, closed(1008, "Unauthorized"));
    assert!(Player::enter(&resume(back.token())).await.welcome.resumed);
}

#[tokio::test]
async fn doors_are_opened_and_closed() {
    let server = Server::with_file("OPEN_GAMES=true\n", &[]).await;
    let from = |origin: &str| Dial { origin: Some(origin.to_owned()), ..server.dial("g", "eve") };
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    assert_eq!(refused_upgrade(&from("https://play.example.com")).await.0, 403);

    server.reload("OPEN_GAMES=false\nALLOWED_ORIGINS=https://play.example.com\n").await;

    assert_eq!(refused_entry(&server.dial("g", "bob")).await, closed(1008, "Forbidden"));
    assert_eq!(refused_entry(&from("https://play.example.com")).await, closed(1008, "Forbidden"));
    assert_eq!(ann.play("m1").await.sequence, 1);
}

#[tokio::test]
async fn limits_hold_for_calls_at_once_and_for_connections_that_come_from_then_on() {
    let server = Server::with_file("", &[]).await;
    let item = |bytes: usize| json!({"type": "move", "userId": "ann", "payload": {"text": "x".repeat(bytes)}});
    let post = |bytes| server.call("POST", "/v1/games/g/events", &item(bytes)).status;
    let mut before = Player::enter(&server.dial("g", "ann")).await;
    assert_eq!((post(2_000), server.metric("max_inflight_requests", &[])), (201, 1_000));

    server
        .reload(
            "MAX_ITEM_BYTES=1000\nMAX_INFLIGHT=7\nMAX_CONNECTIONS_PER_USER=1\nWS_RATE_PER_SECOND=1\nWS_RATE_BURST=1\n\
             HEARTBEAT_INTERVAL_MS=200\nHEARTBEAT_MISSES=2\nSESSION_TOKEN_TTL_SECONDS=77\n",
        )
        .await;

    assert_eq!((post(2_000), server.metric("max_inflight_requests", &[])), (413, 7));
    assert_eq!(refused_upgrade(&server.dial("h", "ann")).await.0, 429);
    let mut after = Player::enter(&server.dial("i", "bob")).await;
    let told = |player: &Player| (player.welcome.max_message_bytes, player.welcome.heartbeat_interval_ms);
    assert_eq!((told(&before), told(&after)), ((65_536 + 4_096, 10_000), (1_000 + 4_096, 200)));
    let session = after.welcome.expires_at.unwrap() - after.welcome.issued_at.unwrap();
    assert_eq!(session, 77_000);
    after.send_move("m1").await;
    assert_eq!(after.refused(r#"{"type":"move","payload":{},"ref":"m2"}"#).await.code, "rate_limited");
    // A fifth of a second between pings, two of which may be missed, is not what this one was told.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    before.play_all(1..=5).await;
}

#[tokio::test]
async fn memory_shrinks_to_a_smaller_budget() {
    const GAMES: usize = 120;
    let server = Server::with_file("", &[("SHARDS", "2"), ADMIN]).await;
    for game in 0..GAMES {
        let body = json!({"metadata": {"rules": "x".repeat(5_000)}});
        server.put_game(&format!("g{game}"), &body);
    }
    until("the games to be counted", SOON, || server.metric("cache_memory_bytes", &[]) > 600_000).await;

    server.reload("MEMORY_BUDGET_BYTES=100000\n").await;
    let took = until("memory to shrink", SOON, || server.metric("cache_memory_bytes", &[]) <= 100_000).await;

    println!("memory was within its budget after {took:?}");
    assert_eq!(server.metric("memory_budget_bytes", &[]), 100_000);
    // A shard comes to its half by steps, the last of which may find nothing to let go of.
    let halved = || {
        let shards = server.call("GET", "/admin/shards", &Value::Null).expect(200).json();
        shards["shards"].as_array().unwrap().iter().all(|shard| shard["budgetBytes"] == 50_000)
    };
    until("each shard to have its half of the budget", SOON, halved).await;
    assert_eq!(server.game("g0")["gameId"], "g0");
}

#[tokio::test]
async fn what_happens_at_intervals_happens_at_others() {
    let server = Server::with_file("CLOCK_BROADCAST_INTERVAL_MS=3600000\n", &[]).await;
    let clocks = json!({"players": ["ann", "bob"], "timeControl": {"preset": "LONG"}});
    server.put_game("g", &clocks);
    server.put_game("forgotten", &json!({}));
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    server.call("PUT", "/v1/games/g/clock", &json!({"action": "start"})).expect(200);
    assert!(matches!(ann.next().await, Incoming::Time(_)));

    server.reload("CLOCK_BROADCAST_INTERVAL_MS=100\n").await;

    let told = async {
        for _ in 0..3 {
            while !matches!(ann.next().await, Incoming::Time(_)) {}
        }
    };
    timeout(SOON, told).await.expect("clocks are told of");
    server.reload("SESSION_CLEANUP_INTERVAL_MS=100\nGAME_RETENTION_SECONDS=1\n").await;
    let is_gone = || server.call("GET", "/v1/games/forgotten", &Value::Null).status == 404;
    until("the game nobody touched to be gone", SOON, is_gone).await;
}

#[tokio::test]
async fn a_wrong_file_changes_nothing_and_is_told_whole() {
    let server = Server::with_file("MAX_INFLIGHT=11\n", &[]).await;

    let log = server.reload("MAX_INFLIGHT=12\nSHARDS=0\nHEARTBEAT_MISSES=none\nAPI_TOKEN=short\n").await;

    // The environment has an API token, so that the file's does not count.
    for problem in ["SHARDS: expected", "HEARTBEAT_MISSES: expected"] {
        assert_eq!(lines(&log, &["ERROR", "A setting is wrong", problem]).len(), 1, "{log:#?}");
    }
    assert_eq!(lines(&log, &["WARN", "API_TOKEN", "wins"]).len(), 1, "{log:#?}");
    assert_eq!(lines(&log, &["short"]).len(), 0);
    assert_eq!(server.metric("max_inflight_requests", &[]), 11);
    server.reload("MAX_INFLIGHT=12\n").await;
    assert_eq!(server.metric("max_inflight_requests", &[]), 12);
}

#[tokio::test]
async fn what_needs_a_restart_is_told_and_what_is_in_force_is_shown() {
    let server = Server::with_file("DATABASE_POOL_MAX=5\n", &[ADMIN]).await;

    let log = server.reload("DATABASE_POOL_MAX=6\nMAX_INFLIGHT=12\n").await;

    let told: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pool = told.iter().find(|line| line["variable"] == "DATABASE_POOL_MAX").unwrap();
    assert_eq!((&pool["message"], &pool["level"]), (&json!("A changed setting needs a restart"), &json!("WARN")));
    assert_eq!((&pool["before"], &pool["after"]), (&json!("5"), &json!("6")));
    let inflight = told.iter().find(|line| line["variable"] == "MAX_INFLIGHT").unwrap();
    assert_eq!((&inflight["message"], &inflight["after"]), (&json!("Changed a setting"), &json!("12")));
    let shown = server.call("GET", "/admin/config", &Value::Null).expect(200).json();
    let shown = shown["settings"].as_array().unwrap();
    let value = |name: &str| shown.iter().find(|setting| setting["name"] == name).unwrap()["value"].clone();
    assert_eq!((value("DATABASE_POOL_MAX"), value("MAX_INFLIGHT")), (json!("5"), json!("12")));
}

#[tokio::test]
async fn what_an_operator_has_switched_stays_until_the_file_says_otherwise() {
    const ON: &str = "SESSION_REDIS_READTHROUGH_ENABLED=true\n";
    let server = Server::with_file(ON, &[NO_REDIS, ADMIN]).await;
    let flags = || server.call("GET", "/admin/flags", &Value::Null).expect(200).json()["redisReadThrough"].clone();
    server.call("PUT", "/admin/flags", &json!({"redisReadThrough": {"percent": 10}})).expect(200);
    server.call("PUT", "/admin/log-level", &json!({"level": "debug"})).expect(200);

    server.reload(&format!("{ON}MAX_INFLIGHT=12\n")).await;
    assert_eq!(flags(), json!({"enabled": true, "percent": 10}));
    assert_ne!(lines(&server.log(), &["DEBUG", "Answered a request"]).len(), 0);

    server.reload("SESSION_REDIS_READTHROUGH_ENABLED=false\n").await;
    assert_eq!(flags(), json!({"enabled": false, "percent": 10}));
    server.reload("SESSION_REDIS_READTHROUGH_ENABLED=false\nSESSION_REDIS_READTHROUGH_PERCENT=50\n").await;
    assert_eq!(flags(), json!({"enabled": false, "percent": 50}));
}

#[tokio::test]
async fn the_log_changes_its_level_and_its_shape() {
    let server = Server::with_file("LOG_LEVEL=info\nLOG_FORMAT=json\n", &[("LOG_FORMAT", "")]).await;
    let answered = |server: &Server| lines(&server.log(), &["Answered a request"]).len();
    server.call("GET", "/healthz", &Value::Null);
    assert_eq!(answered(&server), 0);

    server.reload("LOG_LEVEL=debug\nLOG_FORMAT=human\n").await;
    server.call("GET", "/healthz", &Value::Null);
    until("a line about it", SOON, || answered(&server) > 0).await;

    let log = server.log();
    assert!(!lines(&log, &["Answered a request"])[0].starts_with('{'), "{log:#?}");
}
