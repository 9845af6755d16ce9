//! What a server that fails does to those who ask, with real servers that really fail.

use std::num::NonZeroU32;

use super::*;
use crate::store::BreakerState;

/// The rest of a call: its task has to be given the word.
const SLACK: Duration = Duration::from_millis(250);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_left_alone_at_once_and_found_when_it_is_back() {
    suffer(Server::kill, Server::restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_freezes_holds_nobody_up_and_is_found_when_it_goes_on() {
    suffer(Server::pause, Server::resume).await;
}

/// Reads through trouble, and shows that no call takes longer than it may, that the breaker opens as soon as it can,
/// and that Redis is used again when the trouble is over, though nobody asks it anything.
async fn suffer(trouble: fn(&Server), end: fn(&Server)) {
    let server = spawn_blocking(Server::of_ones_own).await.unwrap();
    let (node, game) = (Node::at(&server.url, "n"), Game::named("g"));
    node.append(&game, 1..=1).await;
    until(async || node.tier.is_connected()).await;

    let server = happen(server, trouble).await;
    let mut asked = 0;
    while let Err(error @ RedisError::Unavailable(_)) = ask(&node).await {
        asked += 1;
        assert!(asked <= 2 * MIN_CALLS.get(), "the breaker should be open: {error}");
    }
    assert_eq!(node.breaker.state(), BreakerState::Open);
    assert!(asked > 0 && !node.tier.is_connected());
    assert!(node.metric("game_session_cache_errors_total{operation=\"session_by_id\"}") >= 1.0);
    until(async || node.metric("redis_connected") == 0.0).await;

    // Nothing waits for ever, and nothing is kept for later.
    node.tier.write(game.appending(2..=2));
    until(async || node.metric("redis_queue_depth") == 0.0).await;

    let server = happen(server, end).await;
    until(async || node.tier.is_connected()).await;
    node.append(&game, 3..=3).await;
    assert!(node.numbers(&game).await.ends_with(&[3]));
    spawn_blocking(move || drop(server)).await.unwrap();
}

/// Asks something, and shows that there is an answer in time.
async fn ask(node: &Node) -> Result<Option<GameId>, RedisError> {
    let began = Instant::now();
    let answer = node.tier.game_of_session(SessionId::generate()).await;
    let took = began.elapsed();
    assert!(took < TIMEOUT + SLACK, "{took:?} for {answer:?}");
    answer
}

async fn happen(server: Server, what: fn(&Server)) -> Server {
    let happened = spawn_blocking(move || {
        what(&server);
        server
    });
    happened.await.unwrap()
}

#[tokio::test]
async fn a_server_that_never_was_there_does_no_harm_but_to_be_missed() {
    let port = server::free_ports(1)[0];
    let node = Node::at(&format!("redis://127.0.0.1:{port}"), "n");

    let mut answers = Vec::new();
    for _ in 0..=MIN_CALLS.get() {
        answers.push(ask(&node).await);
    }

    assert!(matches!(answers[0], Err(RedisError::Unavailable(_))), "{answers:?}");
    assert!(matches!(answers[MIN_CALLS.get() as usize], Err(RedisError::Resting(_))), "{answers:?}");
    assert!(matches!(node.tier.read(&[]).await, Ok(none) if none.is_empty()));
    assert!(node.tier.report().await.is_err());
}

#[tokio::test]
async fn a_password_that_is_not_the_right_one_is_a_server_that_is_not_there() {
    let server = spawn_blocking(Server::of_ones_own).await.unwrap();
    let (_, place) = server.url.split_once('@').unwrap();
    let node = Node::at(&format!("redis://default:hush@{place}"), "n");

    let answer = ask(&node).await;

    assert!(matches!(&answer, Err(RedisError::Unavailable(why)) if !why.contains("hush")), "{answer:?}");
    spawn_blocking(move || drop(server)).await.unwrap();
}

#[tokio::test]
async fn nothing_is_left_at_the_server_when_nobody_uses_it_any_more() {
    let server = spawn_blocking(Server::of_ones_own).await.unwrap();
    let node = Node::at(&server.url, "n");
    let changes = node.tier.changes();
    let clients = async || {
        let clients: String = run(&server.url, redis::cmd("CLIENT").arg("LIST").take()).await;
        clients.lines().count() - 1
    };
    node.append(&Game::named("g"), 1..=1).await;
    until(async || clients().await >= 3).await;

    drop((node, changes));

    until(async || clients().await == 0).await;
    spawn_blocking(move || drop(server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_wait_is_dropped_and_counted() {
    let server = spawn_blocking(Server::of_ones_own).await.unwrap();
    let (node, game) = (Node::at(&server.url, "n"), Game::named("g"));
    node.append(&game, 1..=1).await;
    let never = NonZeroU32::new(1_000_000).unwrap();
    node.breaker.set_limits(BreakerLimits { error_percent: 100, min_calls: never, reset_after: RESET });

    let server = happen(server, Server::pause).await;
    for _ in 0..20_000 {
        node.tier.write(game.appending(2..=2));
    }
    let (depth, dropped) = (node.metric("redis_queue_depth"), node.metric("redis_dropped_writes_total"));
    let failed = node.metric("game_session_cache_errors_total{operation=\"replay_append\"}");
    let server = happen(server, Server::resume).await;

    assert!(depth > 1_000.0 && depth < 20_000.0, "{depth}");
    assert!(dropped > 1_000.0 && failed >= dropped, "{dropped} dropped, {failed} failed");
    until(async || node.metric("redis_queue_depth") == 0.0).await;
    node.append(&game, 3..=3).await;
    spawn_blocking(move || drop(server)).await.unwrap();
}
