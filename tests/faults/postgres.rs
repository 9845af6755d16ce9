//! Postgres fails under those who play.

use std::time::Duration;

use rejoin::client::{Dial, Outgoing, Seat};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    rig::{flush, play_through, readiness, serve},
    services::{Service::Postgres, Services},
    support::{Player, SOON, Server, closed, refused_entry, soon, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_killed_and_comes_back_costs_no_event() {
    suffer(|services| services.kill(Postgres), Duration::from_secs(2), |services| services.restart(Postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_freezes_for_3_s_costs_no_event() {
    suffer(|services| services.pause(Postgres), Duration::from_secs(3), |services| services.resume(Postgres)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_freezes_for_30_s_costs_no_event() {
    suffer(|services| services.pause(Postgres), Duration::from_secs(30), |services| services.resume(Postgres)).await;
}

async fn suffer(trouble: fn(&Services), lasting: Duration, end: fn(&Services)) {
    let services = Services::start(&[Postgres]);
    let server = serve(&services, &[Postgres], &[]).await;

    let report = play_through(&services, &server, trouble, lasting, end).await;

    assert!(report.longest_outage >= lasting, "nobody was in trouble: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_timeout_and_a_touchier_breaker_hold_once_they_are_read_again() {
    const PATIENT: &str = "REQUEST_TIMEOUT_MS=600000\nBREAKER_MIN_CALLS=1000000\n";
    const TOUCHY: &str = "REQUEST_TIMEOUT_MS=300\nBREAKER_MIN_CALLS=1\nBREAKER_RESET_MS=600000\n";
    let services = Services::start(&[Postgres]);
    let settings = [(Postgres.variable(), services.url(Postgres)), ("ADMIN_PUBLIC", "true")];
    let server = Server::with_file(PATIENT, &settings).await;
    server.put_game("g", &json!({}));

    server.reload(TOUCHY).await;
    server.put_game("g", &json!({}));
    services.pause(Postgres);
    // Asks for itself: longer than it may take, nobody waits.
    let cold = server.call("GET", "/v1/games/cold", &Value::Null);

    assert!(matches!(cold.status, 503 | 504), "{cold:?}");
    until("the breaker to open", SOON, || {
        let breakers = server.call("GET", "/admin/breakers", &Value::Null).expect(200).json();
        breakers["breakers"].as_array().unwrap().iter().any(|breaker| breaker["state"] == "open")
    })
    .await;
    services.resume(Postgres);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_timeout_waits_for_a_postgres_that_is_slow_once_it_is_read_again() {
    let services = Services::start(&[Postgres]);
    let settings = [(Postgres.variable(), services.url(Postgres))];
    let server = Server::with_file("REQUEST_TIMEOUT_MS=300\n", &settings).await;
    server.put_game("g", &json!({}));

    server.reload("REQUEST_TIMEOUT_MS=8000\n").await;
    services.pause(Postgres);
    let asking = tokio::task::spawn_blocking(move || server.call("GET", "/v1/games/cold", &Value::Null));
    sleep(Duration::from_millis(600)).await;
    services.resume(Postgres);

    // There is none, rather than no answer in time.
    asking.await.unwrap().expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_what_is_in_memory_can_be_replayed_and_nothing_else_is_promised() {
    let services = Services::start(&[Postgres]);
    let server = serve(&services, &[Postgres], &[]).await;
    let mut cold = Player::enter(&server.dial("cold", "ann")).await;
    cold.play_all(1..=3).await;
    let resuming = Dial::new(server.url(), "cold").with_resume_token(cold.token());
    cold.link.close().await;
    flush(&server);
    let mut ann = Player::enter(&server.dial("warm", "ann")).await;
    ann.play_all(1..=3).await;
    assert_eq!(readiness(&server).0, 200);

    services.kill(Postgres);
    until("the server to notice", SOON, || readiness(&server).0 == 503).await;
    let (_, ready) = readiness(&server);
    assert_eq!((&ready["status"], &ready["checks"]["store"]), (&json!("unavailable"), &json!("unavailable")));
    for reference in ["m4", "m5"] {
        let asked = Instant::now();
        ann.link.send(&Outgoing::event("move", "{}").named(reference)).await.unwrap();
        let refusal = ann.refusal().await;
        assert_eq!((refusal.code.as_str(), refusal.reference.as_deref()), ("unavailable", Some(reference)));
        assert!(asked.elapsed() < REQUEST_TIMEOUT + SLACK, "{:?}", asked.elapsed());
    }
    let written = server.call("POST", "/v1/games/warm/events", &json!({"type": "move", "payload": {}}));
    assert_eq!((written.status, &written.json()["code"]), (503, &json!("unavailable")));
    ann.link.cut();
    let mut back = Player::enter(&Dial::new(server.url(), "warm").with_resume_token(ann.welcome.token.unwrap())).await;
    assert!(back.welcome.resumed && back.welcome.recovered);
    assert_eq!(back.sequences(3).await, [1, 2, 3]);
    assert_eq!(refused_entry(&resuming).await, closed(1013, "Try again later"));

    services.restart(Postgres);
    until("the server to notice", SOON, || readiness(&server).0 == 200).await;
    let mut cold = Player::enter(&resuming).await;
    assert_eq!(cold.sequences(3).await, [1, 2, 3]);
    assert_eq!((cold.play("m4").await.sequence, back.play("m4").await.sequence), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_freezes_leaves_nobody_without_an_answer() {
    let services = Services::start(&[Postgres]);
    let server = serve(&services, &[Postgres], &[]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play("m1").await;

    services.pause(Postgres);
    for reference in ["m2", "m3", "m4"] {
        let asked = Instant::now();
        ann.send_move(reference).await;
        let refusal = ann.refusal().await;
        assert!(matches!(refusal.code.as_str(), "unavailable" | "unknown"), "{refusal}");
        assert_eq!(refusal.reference.as_deref(), Some(reference));
        // Before it is tried, what is under way may have to end.
        assert!(asked.elapsed() < 2 * REQUEST_TIMEOUT + SLACK, "{:?}", asked.elapsed());
    }
    services.resume(Postgres);
    // Whatever became of them, they can be asked for again.
    let mut back = Seat::new(Dial::new(server.url(), "g").with_resume_token(ann.token()));
    let mut sequences = Vec::new();
    for reference in ["m2", "m3", "m4"] {
        sequences.push(back.play("move", "{}", reference, soon()).await.unwrap().sequence);
    }
    sequences.sort_unstable();
    assert_eq!(sequences, [2, 3, 4]);
    assert_eq!(server.game("g")["headSequence"], 4);
}

/// The default of `REQUEST_TIMEOUT_MS`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// For a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(1);
