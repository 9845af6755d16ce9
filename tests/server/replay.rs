//! A replay that memory cannot serve alone: thousands of events, in pages, while the game goes on.

use std::{cell::Cell, time::Duration};

use rejoin::client::{Incoming, Seat};
use tokio::time::Instant;

use crate::support::{ANY_RATE, Player, Server, soon};

const MISSED: u64 = 4_000;
/// Sent before the first of them must be confirmed.
const WINDOW: u64 = 200;

/// Has so many events recorded, many at a time.
async fn record(player: &mut Player, count: u64) {
    let mut sent = 0;
    for confirmed in 0..count {
        while sent < count.min(confirmed + WINDOW) {
            sent += 1;
            player.send(format!(r#"{{"type":"move","payload":{{"n":{sent}}}}}"#)).await;
        }
        while !matches!(player.next().await, Incoming::Live(_)) {}
    }
}

#[tokio::test]
async fn a_long_replay_is_complete_and_in_order_while_others_go_on() {
    let server = Server::with(&ANY_RATE).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Seat::new(server.dial("g", "bob"));
    bob.resume(soon()).await.unwrap();
    bob.cut();
    record(&mut ann, MISSED).await;

    let deadline = Instant::now() + Duration::from_secs(30);
    let caught_up = Cell::new(false);
    let goes_on = async {
        let mut more = 0;
        while !caught_up.get() || more < 10 {
            more += 1;
            ann.play(&format!("live-{more}")).await;
        }
        MISSED + more
    };
    let returns = async {
        bob.resume(deadline).await.unwrap();
        let welcome = bob.welcome().unwrap();
        assert!(welcome.resumed && welcome.recovered);
        assert!(welcome.replay_count >= MISSED, "{}", welcome.replay_count);
        caught_up.set(true);
    };
    let (head, ()) = tokio::join!(goes_on, returns);
    bob.see(head, deadline).await.unwrap();

    assert_eq!(bob.history().faults(), []);
    let sequences: Vec<u64> = bob.history().events().iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=head).collect::<Vec<_>>());
    assert_eq!(bob.losses(), 0, "the replay took more than one connection");
}

#[tokio::test]
async fn a_long_replay_is_complete_after_a_crash() {
    let mut server = Server::with(&ANY_RATE).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    record(&mut ann, 1_500).await;

    server.crash().await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    assert_eq!((bob.welcome.replay_count, bob.welcome.recovered), (1_500, true));
    assert_eq!(bob.sequences(1_500).await, (1..=1_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn events_of_the_largest_size_are_replayed_in_full() {
    let server = Server::with(&ANY_RATE).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let payload = format!(r#"{{"a":"{}"}}"#, "x".repeat(65_536 - 8));
    for _ in 0..60 {
        ann.send(format!(r#"{{"type":"move","payload":{payload}}}"#)).await;
        ann.event().await;
    }

    let mut bob = Player::enter(&server.dial("g", "bob")).await;
    let events = bob.events(60).await;

    assert!(events.iter().zip(1..).all(|(event, sequence)| event.sequence == sequence));
    assert!(events.iter().all(|event| event.payload.get() == payload));
}
