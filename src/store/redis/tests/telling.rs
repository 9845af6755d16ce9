//! What nodes tell each other.

use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::{
    domain::Generation,
    store::{Change, Revoked},
};

async fn hear(changes: &mut mpsc::Receiver<Change>) -> Change {
    timeout(Duration::from_secs(10), changes.recv()).await.expect("something is told").unwrap()
}

/// Tells until it is heard: a listener takes a moment to be one, and what was told before is lost.
pub(super) async fn tell_until_heard(from: &Node, changes: &mut mpsc::Receiver<Change>) {
    let began = Instant::now();
    for number in 0.. {
        assert!(began.elapsed() < Duration::from_secs(10), "nothing is heard");
        let change = Change::Altered(game_id(&format!("hello-{number}")));
        from.tier.write(CacheWrite::Tell(change.clone()));
        if let Ok(heard) = timeout(Duration::from_millis(100), changes.recv()).await {
            let mut heard = heard.unwrap();
            while heard != change {
                heard = hear(changes).await;
            }
            return;
        }
    }
}

#[tokio::test]
async fn nodes_hear_what_others_tell_and_not_themselves() {
    let (one, url) = (Node::alone().await, shared().await);
    let (two, stranger) = (Node::at(&url, &one.namespace), Node::alone().await);
    let (mut ones, mut twos) = (one.tier.changes(), two.tier.changes());
    tell_until_heard(&one, &mut twos).await;
    tell_until_heard(&two, &mut ones).await;
    let (game_id, session_id) = (game_id("g"), SessionId::generate());
    let changes = [
        Change::Recorded { game_id: game_id.clone(), epoch: Epoch::generate(), head: Sequence::new(7) },
        Change::Altered(game_id.clone()),
        Change::Revoked(Revoked { game_id: game_id.clone(), user_id: user("ann"), session_id }),
        Change::TakenOver { game_id: game_id.clone(), session_id, generation: Generation::new(3) },
        Change::Removed(game_id.clone()),
    ];

    stranger.tier.write(CacheWrite::Tell(Change::Removed(game_id.clone())));
    stranger.settle().await;
    for change in changes.clone() {
        one.tier.write(CacheWrite::Tell(change));
    }

    for change in changes {
        assert_eq!(hear(&mut twos).await, change);
    }
    two.tier.write(CacheWrite::Tell(Change::Altered(game_id.clone())));
    assert_eq!(hear(&mut ones).await, Change::Altered(game_id), "nothing of its own before");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_hear_each_other_again_when_redis_is_back() {
    let server = spawn_blocking(Server::of_ones_own).await.unwrap();
    let (one, two) = (Node::at(&server.url, "n"), Node::at(&server.url, "n"));
    let mut changes = two.tier.changes();
    tell_until_heard(&one, &mut changes).await;

    let server = spawn_blocking(move || {
        server.kill();
        server.restart();
        server
    });
    let server = server.await.unwrap();

    tell_until_heard(&one, &mut changes).await;
    spawn_blocking(move || drop(server)).await.unwrap();
}

#[tokio::test]
async fn nobody_listens_when_nobody_wants_to_hear() {
    let (node, url) = (Node::alone().await, shared().await);
    let channel = node.keys().changes();
    let subscribers = async || {
        let (_, count): (String, u64) = run(&url, redis::cmd("PUBSUB").arg("NUMSUB").arg(&channel).take()).await;
        count
    };
    let changes = node.tier.changes();
    until(async || subscribers().await == 1).await;

    drop(changes);

    until(async || subscribers().await == 0).await;
}
