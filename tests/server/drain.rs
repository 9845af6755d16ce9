//! SIGTERM in the middle of games: everybody is told, nothing confirmed is lost, and the process ends by itself.

use std::{cell::Cell, collections::HashSet, time::Duration};

use futures_util::future::join_all;
use rejoin::client::{Advice, ClientError, Incoming, Link, Seat};
use tokio::time::Instant;

use crate::support::{ANY_RATE, Player, SOON, Server, closed, until};

/// The default of `SHUTDOWN_GRACE_MS`.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn everybody_is_told_when_to_come_back_and_closed_with_1012() {
    let mut server = Server::start().await;
    let mut players = Vec::new();
    for number in 1..=12 {
        players.push(Player::enter(&server.dial("g", &format!("user-{number}"))).await);
    }

    server.terminate();
    let told = join_all(players.iter_mut().map(|player| async {
        let pause = loop {
            if let Incoming::Draining { reconnect_after_ms } = player.next().await {
                break reconnect_after_ms;
            }
        };
        assert_eq!(player.ending().await, closed(1012, "Service restart"));
        pause
    }))
    .await;

    assert!(told.iter().collect::<HashSet<_>>().len() > 6, "all come back at once: {told:?}");
    // With what a resume takes, everybody is back within 2 s.
    assert!(told.iter().all(|pause_ms| *pause_ms < 1_500), "{told:?}");
    assert_eq!(server.gone(GRACE).await.code(), Some(0));
}

#[tokio::test]
async fn a_drained_server_ends_with_status_0_within_its_grace() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    // One who does not even answer the close frame.
    let _silent = Player::enter(&server.dial("g", "bob")).await;
    ann.play_all(1..=5).await;

    let told_at = Instant::now();
    server.terminate();
    let status = server.gone(SOON).await;

    assert_eq!(status.code(), Some(0));
    assert!(told_at.elapsed() < GRACE, "{:?}", told_at.elapsed());
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let mut server = Server::start().await;

    let told_at = Instant::now();
    server.terminate();
    let status = server.gone(SOON).await;

    assert_eq!(status.code(), Some(0));
    assert!(told_at.elapsed() < Duration::from_secs(2), "{:?}", told_at.elapsed());
}

/// Who connected in the very moment of the signal was told of the draining before being welcomed.
#[tokio::test]
async fn whoever_comes_in_the_last_moment_is_welcomed_first_or_closed() {
    let mut server = Server::start().await;
    let coming = (0..60).map(|number| {
        let dial = server.dial(&format!("g{number}"), &format!("user-{number}"));
        async move {
            // Most are refused, or find nobody listening.
            let Ok(mut link) = Link::connect(&dial).await else { return };
            match link.next(SOON).await {
                Ok(Incoming::Resume(_)) => {}
                Err(ClientError::Ended(ending)) => assert!(ending.advice() != Advice::Stop, "{ending}"),
                other => panic!("first came {other:?}"),
            }
        }
    });

    let coming = coming.collect::<Vec<_>>();
    tokio::join!(join_all(coming), async { server.terminate() });

    assert_eq!(server.gone(SOON).await.code(), Some(0));
}

#[tokio::test]
async fn restarts_under_play_lose_nothing_and_double_nothing() {
    let mut server = Server::with(&ANY_RATE).await;
    let over = Cell::new(false);
    let played = [const { Cell::new(0_usize) }; 3];
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seats = ["ann", "bob", "eve"].map(|user_id| Seat::new(server.dial("g", user_id)));

    let playing = seats.iter_mut().zip(&played).map(|(seat, played)| {
        let over = &over;
        async move {
            let mut confirmed = Vec::new();
            while !over.get() {
                let reference = format!("r{}", confirmed.len());
                confirmed.push(seat.play("move", "{}", &reference, deadline).await.unwrap());
                let seen = seat.history().last();
                seat.acknowledge(seen, deadline).await.unwrap();
                played.set(confirmed.len());
            }
            confirmed
        }
    });
    let playing = playing.collect::<Vec<_>>();
    let restarting = async {
        for _ in 0..3 {
            let before = played.each_ref().map(Cell::get);
            until("everybody to play", SOON, || played.iter().zip(before).all(|(now, before)| now.get() > before + 5))
                .await;
            server.terminate();
            assert_eq!(server.gone(SOON).await.code(), Some(0));
            server.restart().await;
        }
        over.set(true);
    };
    let (confirmed, ()) = tokio::join!(join_all(playing), restarting);

    let recorded: usize = confirmed.iter().map(Vec::len).sum();
    let head = u64::try_from(recorded).unwrap();
    for (seat, confirmed) in seats.iter_mut().zip(&confirmed) {
        seat.see(head, deadline).await.unwrap();
        assert_eq!(seat.history().faults(), []);
        assert_eq!(seat.history().last(), head, "an event was recorded twice");
        assert!(confirmed.iter().all(|event| seat.history().events().contains(event)));
    }
}

/// The page at play asks for it. Whoever started the process does not notice.
#[tokio::test]
async fn a_restart_that_was_asked_for_keeps_the_process_and_its_port_and_loses_nothing() {
    let server = Server::start().await;
    let starts = || server.log().iter().filter(|line| line.contains("Rejoin is listening on")).count();
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;

    server.call_with("POST", "/demo/restart", "", &[]).expect(202);
    while !matches!(ann.next().await, Incoming::Draining { .. }) {}
    let ending = ann.ending().await;
    until("the second start", SOON, || starts() == 2).await;
    let back = Player::enter(&server.dial("g", "ann")).await;

    assert_eq!(ending, closed(1012, "Service restart"));
    assert_eq!((back.welcome.resumed, back.welcome.head_sequence), (true, 5));
}

#[tokio::test]
async fn an_acknowledgement_confirmed_before_a_drain_is_kept() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(4).await;

    server.terminate();
    server.gone(SOON).await;
    server.restart().await;
    let back = Player::enter(&server.dial("g", "ann")).await;

    assert_eq!((back.welcome.own_ack(), back.welcome.floor_sequence), (Some(4), 4));
}

#[tokio::test]
async fn events_sent_just_before_a_drain_are_recorded_or_not_but_confirmed_ones_are() {
    let mut server = Server::with(&ANY_RATE).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    for number in 1..=500 {
        ann.send_move(&format!("m{number}")).await;
    }

    server.terminate();
    let mut confirmed = 0;
    let ending = loop {
        match ann.link.next(SOON).await {
            Ok(Incoming::Live(event)) => confirmed = event.sequence,
            Ok(_) => {}
            Err(ClientError::Ended(ending)) => break ending,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(server.gone(SOON).await.code(), Some(0));
    server.restart().await;

    let back = Player::enter(&server.dial("g", "ann")).await;
    assert_eq!(ending, closed(1012, "Service restart"));
    assert!(back.welcome.head_sequence >= confirmed, "{} < {confirmed}", back.welcome.head_sequence);
}
