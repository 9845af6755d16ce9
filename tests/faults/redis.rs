//! Redis fails under those who play: nobody loses an event, and nobody is even refused.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    cache::Cache,
    proxy::{Proxy, Stall},
    rig::{CROWD, audit, flush, play_through, readiness, serve, serve_at},
    services::{
        Service::{Postgres, Redis},
        Services,
    },
    support::{Chance, Player, SOON, Server, crowd::Crowd, until},
};

const KILLS: usize = 5;
/// Longer than any call may take, and long enough for the breaker to open.
const LONG: Duration = Duration::from_secs(5);
/// The default of `SESSION_REDIS_TIMEOUT_MS`.
const REDIS_TIMEOUT: Duration = Duration::from_millis(250);
/// For a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(1);
/// The breaker tries again soon.
const RESET_SOON: (&str, &str) = ("BREAKER_RESET_MS", "500");

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_and_comes_back_empty_is_not_missed() {
    suffer(|services| services.kill(Redis), |services| services.restart(Redis)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_freezes_is_not_missed() {
    suffer(|services| services.pause(Redis), |services| services.resume(Redis)).await;
}

async fn suffer(trouble: fn(&Services), end: fn(&Services)) {
    let services = Services::start(&[Postgres, Redis]);
    let server = serve(&services, &[Postgres, Redis], &[RESET_SOON]).await;

    let report = play_through(&services, &server, trouble, LONG, end).await;

    assert!(report.refusals.is_empty(), "{report}");
    is_used_again(&server, &services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_and_a_redis_that_are_killed_together_cost_no_event() {
    let services = Services::start(&[Postgres, Redis]);
    let server = serve(&services, &[Postgres, Redis], &[RESET_SOON]).await;
    let kill = |services: &Services| {
        services.kill(Redis);
        services.kill(Postgres);
    };
    let restart = |services: &Services| {
        services.restart(Redis);
        services.restart(Postgres);
    };
    play_through(&services, &server, kill, LONG / 2, restart).await;

    is_used_again(&server, &services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_behind_a_network_that_cuts_and_stalls_is_not_missed() {
    let mut chance = Chance::announced();
    let services = Services::start(&[Postgres, Redis]);
    let (proxy, url) = Proxy::before(services.url(Redis)).await;
    let urls = [(Postgres.variable(), services.url(Postgres)), (Redis.variable(), &url)];
    let server = serve_at(&urls, &[RESET_SOON]).await;
    let crowd = Crowd::gather(CROWD, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    for stall in [Stall::Questions, Stall::Answers, Stall::Both] {
        proxy.stall(stall);
        flush(&server);
        sleep(LONG / 2).await;
        proxy.stall(Stall::Nothing);
        crowd.goes_on().await;
        for _ in 0..10 {
            proxy.lose_an_answer(chance.below(10));
            sleep(chance.millis_below(200)).await;
            proxy.cut();
        }
        crowd.goes_on().await;
    }
    let report = audit(crowd, &server).await;

    assert!(report.refusals.is_empty(), "{report}");
    is_used_again(&server, &services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_again_and_again_loses_nothing_that_its_stores_have() {
    let mut chance = Chance::announced();
    let services = Services::start(&[Postgres, Redis]);
    let mut server = serve(&services, &[Postgres, Redis], &[]).await;
    let crowd = Crowd::gather(CROWD, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    for _ in 0..KILLS {
        sleep(chance.millis_below(1_000)).await;
        server.crash().await;
        crowd.goes_on().await;
    }
    let report = audit(crowd, &server).await;

    assert!(report.losses >= KILLS * CROWD.games, "the kills hit too few players: {report}");
    assert!(!Cache::at(services.url(Redis)).contents().is_empty(), "the tier was never used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_does_not_answer_is_left_alone_until_it_does() {
    const MIN_CALLS: usize = 5;
    let services = Services::start(&[Postgres, Redis]);
    let settings = [RESET_SOON, ("BREAKER_MIN_CALLS", "5")];
    let server = serve(&services, &[Postgres, Redis], &settings).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play("m1").await;
    until("the service to be ready", SOON, || is_ready(&server)).await;
    assert_eq!(breaker(&server), "closed");

    services.pause(Redis);
    for number in 0..MIN_CALLS {
        flush(&server);
        let asked = Instant::now();
        assert_eq!(server.game("g")["headSequence"], number + 1);
        assert_eq!(ann.play(&format!("during {number}")).await.sequence, number as u64 + 2);
        assert!(asked.elapsed() < REDIS_TIMEOUT + SLACK, "{:?}", asked.elapsed());
    }
    until("the breaker to open", SOON, || breaker(&server) == "open").await;
    until("the service to be degraded", SOON, || {
        let (status, ready) = readiness(&server);
        assert_eq!(status, 200, "{ready}");
        ready["status"] == "degraded" && ready["checks"]["redis"] != "ok"
    })
    .await;
    assert!(has_logged(&server, "Circuit breaker OPEN"));

    services.resume(Redis);
    until("the service to be ready", SOON, || is_ready(&server) && breaker(&server) == "closed").await;
    assert!(has_logged(&server, "Circuit breaker CLOSED"));
    assert_eq!(ann.play("after").await.sequence, MIN_CALLS as u64 + 2);
}

/// The tier comes back by itself: what is played now reaches Redis.
async fn is_used_again(server: &Server, services: &Services) {
    let mut cache = Cache::at(services.url(Redis));
    let mut player = Player::enter(&server.dial("afterwards", "ann")).await;
    let mut turn = 0;
    let by_then = Instant::now() + SOON;
    while !cache.contents().keys().any(|key| String::from_utf8_lossy(key).contains("{afterwards}")) {
        assert!(Instant::now() < by_then, "Redis is not used any more");
        turn += 1;
        player.play(&format!("m{turn}")).await;
        sleep(Duration::from_millis(100)).await;
    }
}

fn is_ready(server: &Server) -> bool {
    let (status, ready) = readiness(server);
    (status, &ready["status"], &ready["checks"]["redis"]) == (200, &json!("ready"), &json!("ok"))
}

/// The state of the breaker before Redis.
fn breaker(server: &Server) -> String {
    let breakers = server.call("GET", "/admin/breakers", &Value::Null).expect(200).json();
    let all = breakers["breakers"].as_array().unwrap().iter();
    let redis = all.clone().find(|breaker| breaker["dependency"] == "redis");
    redis.unwrap_or_else(|| panic!("no breaker before Redis: {breakers}"))["state"].as_str().unwrap().to_owned()
}

fn has_logged(server: &Server, message: &str) -> bool {
    server.log().iter().any(|line| line.contains(message))
}
