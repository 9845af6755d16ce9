//! Those who watch: no seat, no say, and nobody waits for them.

use rejoin::client::{Dial, Incoming, Role, mint_access_token};
use serde_json::Value;

use crate::support::{ACCESS_SECRET, Player, SOON, Server, claims};

fn watching(dial: Dial) -> Dial {
    Dial { spectate: true, ..dial }
}

#[tokio::test]
async fn a_spectator_has_no_session() {
    let server = Server::start().await;
    let _ann = Player::enter(&server.dial("g", "ann")).await;

    let mut link = rejoin::client::Link::connect(&watching(server.dial("g", "eve"))).await.unwrap();
    let frame: Value = serde_json::from_str(&link.next_text(SOON).await.unwrap()).unwrap();

    let payload = &frame["payload"];
    assert_eq!(payload["role"], "spectator");
    for field in ["sessionId", "token", "expiresAt"] {
        assert_eq!(payload.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(payload["players"].as_array().unwrap().len(), 1, "only ann has a seat");
}

#[tokio::test]
async fn a_token_may_be_good_for_watching_alone() {
    let server = Server::start().await;
    let _ann = Player::enter(&server.dial("g", "ann")).await;
    let mut claims = claims("eve");
    claims.role = Some(Role::Spectator);
    let dial = Dial::new(server.url(), "g").with_access_token(mint_access_token(&claims, ACCESS_SECRET).unwrap());

    let eve = Player::enter(&dial).await;

    assert_eq!(eve.welcome.role, Role::Spectator);
}

#[tokio::test]
async fn a_spectator_sees_what_was_and_what_comes() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;

    let mut eve = Player::enter(&watching(server.dial("g", "eve"))).await;
    ann.play("m4").await;

    assert_eq!(eve.sequences(4).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_spectator_sends_no_events() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut eve = Player::enter(&watching(server.dial("g", "eve"))).await;

    let refusal = eve.refused(r#"{"type":"move","payload":{},"ref":"r1"}"#).await;

    assert_eq!((refusal.code.as_str(), refusal.reference.as_deref()), ("forbidden", Some("r1")));
    assert_eq!(ann.play("m1").await.sequence, 1);
}

#[tokio::test]
async fn a_spectator_acknowledges_nothing() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play("m1").await;
    let mut eve = Player::enter(&watching(server.dial("g", "eve"))).await;
    eve.event().await;

    let refusal = eve.refused(r#"{"type":"ack","payload":{"sequence":1}}"#).await;

    assert_eq!(refusal.code, "forbidden");
}

#[tokio::test]
async fn a_spectator_brings_its_own_position() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;

    let dial = watching(server.dial("g", "eve")).after(3, ann.welcome.epoch.clone());
    let mut eve = Player::enter(&dial).await;

    assert_eq!((eve.welcome.last_sequence, eve.welcome.replay_count, eve.welcome.recovered), (3, 2, true));
    assert_eq!(eve.sequences(2).await, [4, 5]);
}

#[tokio::test]
async fn a_spectator_never_holds_back_pruning() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let _eve = Player::enter(&watching(server.dial("g", "eve"))).await;
    ann.play_all(1..=5).await;

    ann.acknowledge(5).await;

    let late = Player::enter(&watching(server.dial("g", "fay"))).await;
    assert_eq!(late.welcome.floor_sequence, 5);
}

#[tokio::test]
async fn nobody_learns_of_a_spectator() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;

    Player::enter(&watching(server.dial("g", "eve"))).await.link.close().await;
    let mut fay = Player::enter(&watching(server.dial("g", "fay"))).await;
    ann.send_move("m1").await;

    assert!(matches!(ann.next().await, Incoming::Live(_)));
    assert!(matches!(fay.next().await, Incoming::Live(_)));
}

#[tokio::test]
async fn a_spectator_learns_who_is_there() {
    let server = Server::start().await;
    let _ann = Player::enter(&server.dial("g", "ann")).await;
    let mut eve = Player::enter(&watching(server.dial("g", "eve"))).await;

    let bob = Player::enter(&server.dial("g", "bob")).await;
    let came = eve.presence().await;
    bob.link.cut();

    assert_eq!(came, ("bob".to_owned(), true));
    assert_eq!(eve.presence().await, ("bob".to_owned(), false));
}
