use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Kit, caller};

const GAME: &str = "/v1/games/g1";
const CLOCK: &str = "/v1/games/g1/clock";
const EVENTS: &str = "/v1/games/g1/events";
const START: &str = r#"{"action":"start"}"#;
const TIMED: &str = r#"{"players":["ann","bob"],"timeControl":{"preset":"CUSTOM","totalTimeMs":60000,"incrementMs":2000,"delayMs":500}}"#;
const NOW: i64 = 1_700_000_000_000;

fn turn(user: &str) -> String {
    json!({ "type": "move", "payload": {}, "userId": user }).to_string()
}

/// Waits until there is something: shards look at a held clock every 50 ms.
async fn until<T>(awaited: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "waited in vain for {awaited}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[actix_web::test]
async fn clocks_start_stop_and_are_set() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    let config = json!({
        "preset": "CUSTOM", "totalTimeMs": 60_000, "incrementMs": 2_000, "delayMs": 500, "turnTypes": ["move"],
        "onDisconnect": "run", "graceMs": 15_000
    });
    let snapshot = |paused: bool, active: &str, ann: u64, bob: u64, at: i64| {
        json!({
            "active": active, "remainingMs": { "ann": ann, "bob": bob }, "paused": paused, "config": config,
            "serverTime": NOW + at
        })
    };
    let made = caller.put(GAME, TIMED).await;
    assert_eq!((made.status, &made.json()["timer"]), (201, &snapshot(true, "ann", 60_000, 60_000, 0)));

    let started = caller.put(CLOCK, START).await;
    kit.clock.advance(Duration::from_millis(3_500));
    let shown = caller.get(GAME).await.json()["timer"].clone();
    let paused = caller.put(CLOCK, r#"{"action":"pause"}"#).await;
    kit.clock.advance(Duration::from_secs(99));
    let again = caller.put(CLOCK, r#"{"action":"pause"}"#).await;
    let set = caller.put(CLOCK, r#"{"action":"set","active":"bob","remainingMs":{"bob":7000}}"#).await;
    let resumed = caller.put(CLOCK, r#"{"action":"resume"}"#).await;
    kit.clock.advance(Duration::from_secs(1));

    assert_eq!((started.status, started.json()), (200, snapshot(false, "ann", 60_000, 60_000, 0)));
    assert_eq!(shown, snapshot(false, "ann", 57_000, 60_000, 3_500));
    assert_eq!(paused.json(), snapshot(true, "ann", 57_000, 60_000, 3_500));
    assert_eq!(again.json(), snapshot(true, "ann", 57_000, 60_000, 102_500));
    assert_eq!(set.json(), snapshot(true, "bob", 57_000, 7_000, 102_500));
    assert_eq!(resumed.json(), snapshot(false, "bob", 57_000, 7_000, 102_500));
    assert_eq!(caller.get(GAME).await.json()["timer"], snapshot(false, "bob", 57_000, 6_500, 103_500));
}

#[actix_web::test]
async fn a_turn_is_its_players_alone() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put(GAME, r#"{"players":["ann","bob","cat"],"timeControl":{"preset":"BLITZ"}}"#).await;
    let passing =
        |user: &str, next: &str| json!({ "type": "move", "payload": {}, "userId": user, "next": next }).to_string();
    let nobody = r#"{"type":"move","payload":{}}"#;

    for (body, refused) in [
        (turn("bob"), (409, "not_your_turn")),
        (turn("eve"), (409, "not_your_turn")),
        (nobody.to_owned(), (409, "not_your_turn")),
        (passing("ann", "eve"), (400, "invalid_message")),
        (passing("ann", "a b"), (400, "invalid_message")),
        (format!("[{},{}]", turn("ann"), turn("cat")), (409, "not_your_turn")),
    ] {
        let answer = caller.post(EVENTS, &body).await;
        assert_eq!(answer.problem(), (refused.0, refused.1.to_owned()), "{body}");
    }
    let game = caller.get(GAME).await.json();
    assert_eq!((&game["headSequence"], &game["timer"]["active"]), (&json!(0), &json!("ann")), "nothing was changed");

    assert_eq!(caller.post(EVENTS, &passing("ann", "cat")).await.status, 201);
    assert_eq!(caller.get(GAME).await.json()["timer"]["active"], "cat");
    let turns = format!("[{},{},{}]", turn("cat"), turn("ann"), passing("bob", "bob"));
    assert_eq!(caller.post(EVENTS, &turns).await.status, 201);
    assert_eq!(caller.get(GAME).await.json()["timer"]["active"], "bob");
    assert_eq!(caller.post(EVENTS, r#"{"type":"chat","payload":{},"userId":"cat","next":"ann"}"#).await.status, 201);
    assert_eq!(caller.get(GAME).await.json()["timer"]["active"], "bob", "talking ends no turn");
}

#[actix_web::test]
async fn a_flag_falls_by_itself_once_and_ends_the_turns() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put(GAME, TIMED).await;
    caller.put(CLOCK, START).await;
    caller.post(EVENTS, &turn("ann")).await;

    kit.clock.advance(Duration::from_secs(61));
    let events = until("the flag", async || {
        let events = caller.get(EVENTS).await.json()["events"].as_array().unwrap().clone();
        (events.len() > 1).then_some(events)
    })
    .await;
    kit.clock.advance(Duration::from_secs(61));

    let fall = json!({
        "sequence": 2, "type": "flag_fall", "payload": { "userId": "bob", "remainingMs": 0 }, "userId": null,
        "createdAt": NOW + 60_500
    });
    assert_eq!(events[1], fall);
    for user in ["ann", "bob"] {
        assert_eq!(caller.post(EVENTS, &turn(user)).await.problem(), (409, "flag_fallen".to_owned()));
    }
    assert_eq!(caller.put(CLOCK, START).await.problem(), (409, "flag_fallen".to_owned()));
    assert_eq!(caller.post(EVENTS, r#"{"type":"chat","payload":{}}"#).await.json()["sequence"], 3);
    let timer = caller.get(GAME).await.json()["timer"].clone();
    assert_eq!((&timer["active"], &timer["paused"]), (&Value::Null, &json!(false)));
    assert_eq!(timer["remainingMs"], json!({ "ann": 62_000, "bob": 0 }));
    assert_eq!(caller.metric("game_flag_falls_total").await, 1.0);
}

/// A client whose confirmation was lost tries again when it is no longer its turn, and long after memory has forgotten.
#[actix_web::test]
async fn a_repeat_of_a_turn_gets_the_original_though_the_turn_is_over() {
    let kit = Kit::with(&[("SESSION_REPLAY_RETENTION", "3")]);
    let caller = caller(&kit).await;
    caller.put(GAME, TIMED).await;
    let named =
        |user: &str, name: &str| json!({ "type": "move", "payload": {}, "userId": user, "ref": name }).to_string();
    let first = caller.post(EVENTS, &named("ann", "m1")).await;
    for _ in 0..5 {
        caller.post(EVENTS, r#"{"type":"chat","payload":{}}"#).await;
    }

    let again = caller.post(EVENTS, &named("ann", "m1")).await;
    let new = caller.post(EVENTS, &named("ann", "m2")).await;
    let both = caller.post(EVENTS, &format!("[{},{}]", named("ann", "m1"), named("ann", "m2"))).await;

    assert_eq!((again.status, again.json()), (200, first.json()));
    for refused in [new, both] {
        assert_eq!(refused.problem(), (409, "not_your_turn".to_owned()));
    }
    assert_eq!(caller.post(EVENTS, &named("bob", "m1")).await.json()["sequence"], 7);
}

#[actix_web::test]
async fn a_game_that_is_put_again_keeps_its_clocks() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    caller.put(GAME, TIMED).await;
    caller.put(CLOCK, START).await;
    kit.clock.advance(Duration::from_millis(1_500));

    let again = caller.put(GAME, TIMED).await.json()["timer"].clone();
    let longer = r#"{"timeControl":{"totalTimeMs":90000,"incrementMs":3000}}"#;
    let changed = caller.put(GAME, longer).await.json()["timer"].clone();
    caller.post(EVENTS, &turn("ann")).await;
    let third = caller.put(GAME, r#"{"players":["bob","cat","ann"]}"#).await.json()["timer"].clone();

    assert_eq!(again["remainingMs"], json!({ "ann": 59_000, "bob": 60_000 }));
    assert_eq!(changed["remainingMs"], json!({ "ann": 59_000, "bob": 60_000 }), "what is left stays");
    assert_eq!(changed["config"]["totalTimeMs"], 90_000);
    assert_eq!(third["remainingMs"], json!({ "bob": 60_000, "cat": 90_000, "ann": 62_000 }));
    assert_eq!(third["active"], "bob");
}

#[actix_web::test]
async fn what_is_wrong_with_clocks_is_named_and_changes_nothing() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    for (path, body) in [(CLOCK, START), (GAME, r#"{"timeControl":{"preset":"BLITZ"}}"#)] {
        assert!([400, 404].contains(&caller.put(path, body).await.status), "{body}");
        assert_eq!(caller.get(GAME).await.status, 404);
    }
    caller.put(GAME, "{}").await;
    assert_eq!(caller.put(CLOCK, START).await.problem(), (404, "not_found".to_owned()));
    caller.put(GAME, TIMED).await;
    caller.put(CLOCK, START).await;
    let before = caller.get(GAME).await.json()["timer"].clone();

    for (path, body, detail) in [
        (CLOCK, r#"{"action":"stop"}"#, "action: unknown variant `stop`"),
        (CLOCK, r#"{"action":"set"}"#, "action: to set, active or remainingMs is needed"),
        (CLOCK, r#"{"action":"set","active":"eve"}"#, "active: no player of this game"),
        (CLOCK, r#"{"action":"start","active":"eve"}"#, "active: no player of this game"),
        (CLOCK, r#"{"action":"set","remainingMs":{"eve":1}}"#, "remainingMs: no player of this game"),
        (CLOCK, r#"{"action":"set","remainingMs":{"ann":-1}}"#, "remainingMs.ann: invalid value"),
        (CLOCK, r#"{"action":"set","remainingMs":{"ann":1,"bob":31536000001}}"#, "remainingMs: at most 31536000000"),
        (CLOCK, r#"{"action":"set","remainingMs":60000}"#, "remainingMs: invalid type"),
        (GAME, r#"{"timeControl":{"preset":"CUSTOM","totalTimeMs":0}}"#, "timeControl: totalTimeMs: expected 1 to"),
        (GAME, r#"{"timeControl":{"preset":"CUSTOM","totalTimeMs":-5}}"#, "timeControl.totalTimeMs: invalid value"),
        (GAME, r#"{"timeControl":{"preset":"LONG","totalTimeMs":5}}"#, "timeControl: totalTimeMs: LONG has 1200000"),
        (GAME, r#"{"timeControl":{"preset":"BULLET"}}"#, "timeControl.preset: unknown variant `BULLET`"),
        (GAME, r#"{"players":[]}"#, "players: a game with a timeControl names its players"),
        (GAME, r#"{"players":["bob","cat"]}"#, "players: whoever has the turn stays"),
    ] {
        let answer = caller.put(path, body).await;
        assert_eq!(answer.problem(), (400, "invalid_message".to_owned()), "{body}");
        assert!(answer.detail().starts_with(detail), "{body}: {}", answer.detail());
    }
    assert_eq!(caller.get(GAME).await.json()["timer"], before);
}

#[actix_web::test]
async fn a_flag_falls_though_the_store_was_away_when_it_was_due() {
    use crate::store::faulty::{Fault, Whose};

    for fault in [Fault::Unavailable, Fault::UnknownDone, Fault::UnknownNotDone] {
        let kit = Kit::start();
        let caller = caller(&kit).await;
        caller.put(GAME, TIMED).await;
        caller.put(CLOCK, START).await;

        kit.faults.once(Whose::GamesLike("g1"), fault);
        kit.clock.advance(Duration::from_secs(61));
        until("the flag", async || {
            // What is tried again is put off by the held clock.
            kit.clock.advance(Duration::from_millis(50));
            (caller.get(GAME).await.json()["headSequence"] == 1).then_some(())
        })
        .await;

        kit.clock.advance(Duration::from_secs(61));
        let chat = caller.post(EVENTS, r#"{"type":"chat","payload":{}}"#).await;
        assert_eq!(chat.json()["sequence"], 2, "it fell once");
    }
}
