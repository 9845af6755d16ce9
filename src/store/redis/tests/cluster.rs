//! What is different with a cluster, which is nothing that is seen from outside.

use redis::{Cmd, RedisResult, cmd};

use super::{server::Cluster, telling::tell_until_heard, *};
use crate::store::BreakerState;

async fn start() -> (Cluster, Node) {
    let cluster = spawn_blocking(Cluster::start).await.unwrap();
    let node = at(&cluster.urls);
    (cluster, node)
}

fn at(urls: &[String]) -> Node {
    Node::open(&options(Place::Cluster(urls.to_vec()), "n"), &Handle::current()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_what_a_server_keeps() {
    let (cluster, node) = start().await;
    let games: Vec<_> = (0..100).map(|number| Game::named(&format!("g{number}"))).collect();
    let mark = mark_of("ann");

    for game in &games {
        node.tier.write(game.appending(1..=4));
        node.tier.write(CacheWrite::Prune { game_id: game.id.clone(), floor: Sequence::new(1) });
        node.tier.write(CacheWrite::Seat { game_id: game.id.clone(), user_id: user("ann"), mark: mark.clone() });
    }
    let wanted: Vec<_> =
        games.iter().map(|game| Wanted { game_id: game.id.clone(), user_id: Some(user("ann")) }).collect();
    let all_there = |read: &[CachedGame]| {
        read.iter().all(|cached| numbers(cached) == [2, 3, 4] && cached.seat.as_ref() == Some(&mark))
    };
    until(async || all_there(&node.tier.read(&wanted).await.unwrap())).await;

    let last = &games[99].id;
    until(async || node.tier.game_of_session(mark.session_id).await.as_ref() == Ok(&Some(last.clone()))).await;
    until(async || node.tier.is_connected()).await;
    let report = node.tier.report().await.unwrap();
    assert_eq!(report.total_keys, 202, "{report:?}: events and seats, a session, a probe");
    node.tier.forget(&games[0].id, &[user("ann")]).await.unwrap();
    assert_eq!(node.tier.forget_all().await, Ok(200));
    assert_eq!(node.numbers(&games[99]).await, NONE);
    spawn_blocking(move || drop(cluster)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_hear_each_other_through_a_cluster() {
    let (cluster, one) = start().await;
    let mut urls = cluster.urls.clone();

    for _ in 0..urls.len() {
        urls.rotate_left(1);
        let mut changes = at(&urls).tier.changes();
        tell_until_heard(&one, &mut changes).await;
    }
    spawn_blocking(move || drop(cluster)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_has_moved_is_found() {
    let (cluster, node) = start().await;
    let (game, urls) = (Game::named("g"), &cluster.urls);
    until(async || node.tier.is_connected()).await;

    move_slot(urls, &node.keys().events(&game.id)).await;
    node.tier.write(game.appending(1..=2));

    until(async || node.numbers(&game).await == [1, 2]).await;
    assert_eq!(node.breaker.view().failures, 0);
    spawn_blocking(move || drop(cluster)).await.unwrap();
}

/// Gives the slot of a key that is not there yet to another master.
async fn move_slot(urls: &[String], key: &str) {
    let slot: u16 = run(&urls[0], cmd("CLUSTER").arg("KEYSLOT").arg(key).take()).await;
    let mut elsewhere = None;
    for url in urls {
        let answer: RedisResult<Option<String>> = Cmd::get(key).query_async(&mut behind(url).await).await;
        elsewhere = elsewhere.or(answer.is_err().then_some(url));
    }
    let elsewhere = elsewhere.unwrap();
    let id: String = run(elsewhere, cmd("CLUSTER").arg("MYID").take()).await;
    // The one who gets it first: the others would send us back and forth.
    for url in [elsewhere].into_iter().chain(urls) {
        let () = run(url, cmd("CLUSTER").arg("SETSLOT").arg(slot).arg("NODE").arg(&id).take()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_has_lost_a_master_is_left_alone() {
    let (cluster, node) = start().await;
    until(async || node.tier.is_connected()).await;

    cluster.pause_one();

    until(async || node.breaker.state() == BreakerState::Open).await;
    assert!(!node.tier.is_connected());
    spawn_blocking(move || drop(cluster)).await.unwrap();
}
