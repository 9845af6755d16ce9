//! What is different with a cluster, which is nothing that is seen from outside.

use super::{server::Cluster, telling::tell_until_heard, *};
use crate::store::{BreakerState, SeatMark, conformance::table::seat};

async fn start() -> (Cluster, Place) {
    let cluster = spawn_blocking(Cluster::start).await.unwrap();
    let place = Place::Cluster(cluster.urls.clone());
    (cluster, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_what_a_server_keeps() {
    let (cluster, place) = start().await;
    let node = Node::open(place.clone(), "n", &Handle::current()).unwrap();
    let games: Vec<_> = (0..100).map(|number| Game::named(&format!("g{number}"))).collect();
    let mark = SeatMark::of(&seat("ann"));

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

    assert_eq!(node.tier.game_of_session(mark.session_id).await, Ok(Some(games[99].id.clone())));
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
    let (cluster, place) = start().await;
    let one = Node::open(place, "n", &Handle::current()).unwrap();
    let mut urls = cluster.urls.clone();

    for _ in 0..urls.len() {
        urls.rotate_left(1);
        let two = Node::open(Place::Cluster(urls.clone()), "n", &Handle::current()).unwrap();
        let mut changes = two.tier.changes();
        tell_until_heard(&one, &mut changes).await;
    }
    spawn_blocking(move || drop(cluster)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_has_lost_a_master_is_left_alone() {
    let (cluster, place) = start().await;
    let node = Node::open(place, "n", &Handle::current()).unwrap();
    until(async || node.tier.is_connected()).await;

    cluster.pause_one();

    until(async || node.breaker.state() == BreakerState::Open).await;
    assert!(!node.tier.is_connected());
    spawn_blocking(move || drop(cluster)).await.unwrap();
}
