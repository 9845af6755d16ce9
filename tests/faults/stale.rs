//! A Redis that tells of yesterday: what it holds is held against Postgres before anybody sees it.

use rejoin::client::Dial;
use serde_json::Value;

use crate::{
    cache::{Cache, Contents},
    rig::{revoke, serve},
    services::{
        Service::{Postgres, Redis},
        Services,
    },
    support::{Player, SOON, Server, closed, refused_entry, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_kept_from_earlier_is_neither_replayed_nor_believed() {
    let services = Services::start(&[Postgres, Redis]);
    let mut server = serve(&services, &[Postgres, Redis], &[]).await;
    let mut cache = Cache::at(services.url(Redis));
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;
    ann.play_all(1..=3).await;
    let early = settled(&mut cache, &Contents::new()).await;

    ann.play_all(4..=6).await;
    revoke(&server, bob.welcome.session_id.as_deref().unwrap());
    assert_eq!(bob.ending().await, closed(1008, "Session revoked"));
    let late = settled(&mut cache, &early).await;
    server.kill();
    cache.replace(&early);
    server.restart().await;

    let resuming = |token: String| Dial::new(server.url(), "g").with_resume_token(token);
    let mut back = Player::enter(&resuming(ann.token())).await;
    assert_eq!(back.sequences(6).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(refused_entry(&resuming(bob.token())).await, closed(1008, "Session revoked"));
    assert_eq!(back.play("m7").await.sequence, 7);
    // Of a seat it only ever says how far somebody has seen, so that nothing there is repaired.
    let events = b"gsr:{g}:events".as_slice();
    assert_ne!(early[events], late[events], "nothing was outdated");
    until("the events to be repaired", SOON, || cache.contents().get(events).is_some_and(|now| *now != early[events]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_kept_of_a_games_former_life_is_not_believed() {
    let services = Services::start(&[Postgres, Redis]);
    let mut server = serve(&services, &[Postgres, Redis], &[]).await;
    let mut cache = Cache::at(services.url(Redis));
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    let former = settled(&mut cache, &Contents::new()).await;

    server.call("DELETE", "/v1/games/g", &Value::Null).expect(204);
    let mut anew = Player::enter(&server.dial("g", "ann")).await;
    anew.play_all(4..=5).await;
    server.kill();
    cache.replace(&former);
    server.restart().await;

    assert_eq!(refused_entry(&resuming(&server, &ann)).await, closed(1008, "Invalid resume token"));
    let mut back = Player::enter(&resuming(&server, &anew)).await;
    let events = back.events(2).await;
    let references: Vec<_> = events.iter().map(|event| (event.sequence, event.reference.as_deref())).collect();
    assert_eq!(references, [(1, Some("m4")), (2, Some("m5"))]);
}

fn resuming(server: &Server, player: &Player) -> Dial {
    Dial::new(server.url(), "g").with_resume_token(player.token())
}

/// What Redis holds once all that differs from before is written, and nothing is being written any more.
async fn settled(cache: &mut Cache, before: &Contents) -> Contents {
    let mut held = before.clone();
    until("Redis to be told", SOON, || {
        let now = cache.contents();
        let is_settled = now == held && now != *before;
        held = now;
        is_settled
    })
    .await;
    held
}
