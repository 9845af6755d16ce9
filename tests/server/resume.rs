//! Coming back: the token, the position, and what a client must never suffer for a network's faults.

use rejoin::client::{ClientError, Dial, Incoming, Link};
use serde_json::json;

use crate::support::{Player, SOON, Server, changed_at, closed, refused_entry};

fn resuming(server: &Server, token: &str) -> Dial {
    Dial::new(server.url(), "g").with_resume_token(token)
}

// --- Where the sequence goes on -----------------------------------------------------------------------------------

#[tokio::test]
async fn the_sequence_goes_on_after_everything_was_pruned() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    ann.acknowledge(3).await;

    assert_eq!(ann.play("m4").await.sequence, 4);
}

#[tokio::test]
async fn the_sequence_goes_on_after_everything_was_pruned_and_the_server_crashed() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    ann.acknowledge(3).await;
    // Long enough for the pruning to reach the store, as promised; then there is no event to count from.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    server.crash().await;
    let mut back = Player::enter(&resuming(&server, &ann.token())).await;

    assert_eq!(back.welcome.floor_sequence, 3, "nothing was pruned");
    assert_eq!(back.welcome.epoch, ann.welcome.epoch);
    assert_eq!(back.play("m4").await.sequence, 4);
}

#[tokio::test]
async fn a_named_player_who_has_not_come_yet_holds_back_pruning() {
    let server = Server::start().await;
    server.put_game("g", &json!({"players": ["ann", "bob"]}));
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    ann.acknowledge(3).await;

    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    assert_eq!((bob.welcome.floor_sequence, bob.welcome.recovered, bob.welcome.replay_count), (0, true, 3));
    assert_eq!(bob.sequences(3).await, [1, 2, 3]);
}

// --- What comes again, and what does not ---------------------------------------------------------------------------

#[tokio::test]
async fn a_returning_player_gets_what_was_missed_and_no_more() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let bob = Player::enter(&server.dial("g", "bob")).await;
    let (token, epoch) = (bob.token(), bob.welcome.epoch.clone());
    ann.play_all(1..=2).await;
    bob.link.cut();
    ann.play_all(3..=5).await;

    let mut back = Player::enter(&resuming(&server, &token).after(2, epoch)).await;
    ann.play("m6").await;

    assert!(back.welcome.resumed && back.welcome.recovered);
    assert_eq!((back.welcome.last_sequence, back.welcome.head_sequence, back.welcome.replay_count), (2, 5, 3));
    assert_eq!(back.sequences(4).await, [3, 4, 5, 6]);
}

#[tokio::test]
async fn without_a_position_the_replay_starts_after_the_last_acknowledgement() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(2).await;

    let mut back = Player::enter(&resuming(&server, &ann.token())).await;

    assert_eq!((back.welcome.last_sequence, back.welcome.recovered), (2, true));
    assert_eq!(back.sequences(3).await, [3, 4, 5]);
}

#[tokio::test]
async fn a_position_below_the_last_acknowledgement_is_lifted_to_it() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let _bob = Player::enter(&server.dial("g", "bob")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(4).await;

    let dial = resuming(&server, &ann.token()).after(1, ann.welcome.epoch.clone());
    let back = Player::enter(&dial).await;

    assert_eq!((back.welcome.last_sequence, back.welcome.recovered), (4, true));
}

#[tokio::test]
async fn a_position_without_an_epoch_does_not_count() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(2).await;

    let mut dial = resuming(&server, &ann.token());
    dial.query.push(("after".to_owned(), "4".to_owned()));
    let back = Player::enter(&dial).await;

    assert_eq!((back.welcome.last_sequence, back.welcome.recovered), (2, true));
}

#[tokio::test]
async fn a_second_resume_right_after_the_first_sees_nothing_twice() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let bob = Player::enter(&server.dial("g", "bob")).await;
    let (token, epoch) = (bob.token(), bob.welcome.epoch.clone());
    bob.link.cut();
    ann.play_all(1..=5).await;

    let mut first = Player::enter(&resuming(&server, &token).after(0, &epoch)).await;
    let seen_first = first.sequences(5).await;
    let mut second = Player::enter(&resuming(&server, &first.token()).after(5, &epoch)).await;
    ann.play("m6").await;

    assert_eq!(seen_first, [1, 2, 3, 4, 5]);
    assert_eq!(second.welcome.replay_count, 0);
    assert_eq!(second.sequences(1).await, [6]);
    assert_eq!(first.ending().await, closed(4001, "Session taken over"));
}

#[tokio::test]
async fn two_resumes_at_once_leave_one_connection_with_everything_once() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let bob = Player::enter(&server.dial("g", "bob")).await;
    let dial = resuming(&server, &bob.token()).after(0, &bob.welcome.epoch);
    bob.link.cut();
    ann.play_all(1..=5).await;

    let (one, two) = tokio::join!(Link::connect(&dial), Link::connect(&dial));
    let until_six = async |link: Result<Link, ClientError>| sequences_until(6, link.unwrap()).await;
    let (one, two, _) = tokio::join!(until_six(one), until_six(two), ann.play("m6"));

    let all: Vec<u64> = (1..=6).collect();
    let (taken_over, left): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(|(_, ended)| *ended);
    assert_eq!(left, [(all.clone(), false)], "one connection stays, with everything");
    assert!(all.starts_with(&taken_over[0].0), "{:?}", taken_over[0].0);
}

/// The sequences seen until this one, and whether the connection was taken over before it came.
async fn sequences_until(last: u64, mut link: Link) -> (Vec<u64>, bool) {
    let mut sequences = Vec::new();
    while sequences.last() != Some(&last) {
        match link.next(SOON).await {
            Ok(Incoming::Live(event) | Incoming::Replay(event)) => sequences.push(event.sequence),
            Ok(_) => {}
            Err(ClientError::Ended(ending)) => {
                assert_eq!(ending, closed(4001, "Session taken over"));
                return (sequences, true);
            }
            Err(error) => panic!("{error}"),
        }
    }
    (sequences, false)
}

#[tokio::test]
async fn messages_in_the_packet_of_the_handshake_are_not_lost() {
    let server = Server::start().await;
    let mut dial = server.dial("g", "ann");
    dial.early = (1..=3).map(|number| format!(r#"{{"type":"move","payload":{{}},"ref":"e{number}"}}"#)).collect();

    let mut ann = Player::enter(&dial).await;
    let references: Vec<_> = ann.events(3).await.into_iter().map(|event| event.reference.unwrap()).collect();

    assert_eq!(references, ["e1", "e2", "e3"]);
}

#[tokio::test]
async fn messages_in_the_packet_of_a_resume_come_after_its_replay() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    let mut dial = resuming(&server, &ann.token());
    dial.early = vec![r#"{"type":"move","payload":{},"ref":"e1"}"#.to_owned()];

    let mut back = Player::enter(&dial).await;

    assert_eq!(back.sequences(4).await, [1, 2, 3, 4]);
}

// --- Tokens --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_wrong_token_changes_nothing_and_leaves_the_owner_connected() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let token = ann.token();
    let wrong = changed_at(&token, 12);

    assert_eq!(refused_entry(&resuming(&server, &wrong)).await, closed(1008, "Invalid resume token"));

    assert_eq!(ann.play("m1").await.sequence, 1);
    let back = Player::enter(&resuming(&server, &token)).await;
    assert_eq!(back.welcome.session_id, ann.welcome.session_id);
}

#[tokio::test]
async fn a_used_up_token_leaves_the_owner_connected() {
    let server = Server::start().await;
    let first = Player::enter(&server.dial("g", "ann")).await;
    let mut second = Player::enter(&resuming(&server, &first.token())).await;
    second.ping().await;

    assert_eq!(refused_entry(&resuming(&server, &first.token())).await, closed(1008, "Invalid resume token"));

    assert_eq!(second.play("m1").await.sequence, 1);
}

#[tokio::test]
async fn each_welcome_brings_a_fresh_token() {
    let server = Server::start().await;
    let first = Player::enter(&server.dial("g", "ann")).await;
    let second = Player::enter(&resuming(&server, &first.token())).await;

    assert_ne!(first.token(), second.token());
    assert_eq!(first.welcome.session_id, second.welcome.session_id);
}

#[tokio::test]
async fn lost_handshake_replies_do_not_lock_a_player_out() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let bob = Player::enter(&server.dial("g", "bob")).await;
    let token = bob.token();
    bob.link.cut();
    assert_eq!(ann.presence().await, ("bob".to_owned(), true));
    assert_eq!(ann.presence().await, ("bob".to_owned(), false));
    for _ in 0..5 {
        let unread = Link::connect(&resuming(&server, &token)).await.unwrap();
        assert_eq!(ann.presence().await, ("bob".to_owned(), true), "the server has let bob in");
        unread.cut();
        assert_eq!(ann.presence().await, ("bob".to_owned(), false));
    }

    let back = Player::enter(&resuming(&server, &token)).await;

    assert!(back.welcome.resumed);
}

#[tokio::test]
async fn a_lost_handshake_reply_and_a_crash_do_not_lock_a_player_out() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let bob = Player::enter(&server.dial("g", "bob")).await;
    let token = bob.token();
    assert_eq!(ann.presence().await, ("bob".to_owned(), true));
    bob.link.cut();
    assert_eq!(ann.presence().await, ("bob".to_owned(), false));
    let unread = Link::connect(&resuming(&server, &token)).await.unwrap();
    assert_eq!(ann.presence().await, ("bob".to_owned(), true), "the server has let bob in");
    unread.cut();

    server.crash().await;
    let back = Player::enter(&resuming(&server, &token)).await;

    assert!(back.welcome.resumed);
}

#[tokio::test]
async fn an_older_token_is_refused_once_the_newer_was_proven_by_a_message() {
    let server = Server::start().await;
    let first = Player::enter(&server.dial("g", "ann")).await;
    let mut second = Player::enter(&resuming(&server, &first.token())).await;
    second.ping().await;

    assert_eq!(refused_entry(&resuming(&server, &first.token())).await, closed(1008, "Invalid resume token"));
}

#[tokio::test]
async fn an_older_token_is_refused_once_the_newer_was_proven_even_after_a_crash() {
    let mut server = Server::start().await;
    let first = Player::enter(&server.dial("g", "ann")).await;
    let mut second = Player::enter(&resuming(&server, &first.token())).await;
    second.ping().await;
    // Proofs reach the store in batches; the contract gives acknowledgements, written with them, a second.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;

    server.crash().await;

    assert_eq!(refused_entry(&resuming(&server, &first.token())).await, closed(1008, "Invalid resume token"));
    assert!(Player::enter(&resuming(&server, &second.token())).await.welcome.resumed);
}

#[tokio::test]
async fn a_token_opens_its_seat_after_a_crash() {
    let mut server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;

    server.crash().await;
    let mut back = Player::enter(&resuming(&server, &ann.token()).after(3, &ann.welcome.epoch)).await;

    assert!(back.welcome.resumed && back.welcome.recovered);
    assert_eq!(back.welcome.session_id, ann.welcome.session_id);
    assert_eq!(back.play("m4").await.sequence, 4);
}

// --- Positions that cannot be honoured -----------------------------------------------------------------------------

#[tokio::test]
async fn a_position_from_another_life_of_the_game_is_not_recovered() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(2).await;
    let token = ann.token();

    for epoch in ["00000000-0000-4000-8000-000000000000", "nonsense", ""] {
        let back = Player::enter(&resuming(&server, &token).after(4, epoch)).await;

        assert_eq!((back.welcome.recovered, back.welcome.last_sequence), (false, 2), "`{epoch}`");
    }
}

#[tokio::test]
async fn a_position_above_the_head_is_not_recovered() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(2).await;

    let dial = resuming(&server, &ann.token()).after(6, &ann.welcome.epoch);
    let mut back = Player::enter(&dial).await;

    assert_eq!((back.welcome.recovered, back.welcome.last_sequence), (false, 2));
    assert_eq!(back.sequences(3).await, [3, 4, 5]);
}

#[tokio::test]
async fn a_position_below_the_floor_is_not_recovered_and_gets_what_is_left() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=5).await;
    ann.acknowledge(3).await;

    let dial = Dial { spectate: true, ..server.dial("g", "eve").after(1, &ann.welcome.epoch) };
    let mut eve = Player::enter(&dial).await;

    assert!(!eve.welcome.recovered);
    assert_eq!((eve.welcome.last_sequence, eve.welcome.floor_sequence, eve.welcome.replay_count), (3, 3, 2));
    assert_eq!(eve.sequences(2).await, [4, 5]);
}

#[tokio::test]
async fn a_position_below_the_floor_gets_the_summary_and_what_came_after_it() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=6).await;
    server.call("PUT", "/v1/games/g/summary", &json!({"sequence": 4, "state": {"fen": "8/8"}})).expect(200);
    ann.acknowledge(3).await;

    let dial = Dial { spectate: true, ..server.dial("g", "eve").after(1, &ann.welcome.epoch) };
    let mut eve = Player::enter(&dial).await;

    let summary = eve.welcome.summary.clone().expect("there is a summary");
    assert_eq!((summary.sequence, summary.state.get()), (4, r#"{"fen":"8/8"}"#));
    assert_eq!((eve.welcome.recovered, eve.welcome.last_sequence), (false, 4));
    assert_eq!(eve.sequences(2).await, [5, 6]);
}

#[tokio::test]
async fn a_position_between_the_floor_and_the_summary_gets_every_event() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=6).await;
    server.call("PUT", "/v1/games/g/summary", &json!({"sequence": 4, "state": {}})).expect(200);

    let dial = Dial { spectate: true, ..server.dial("g", "eve").after(2, &ann.welcome.epoch) };
    let mut eve = Player::enter(&dial).await;

    assert_eq!((eve.welcome.recovered, eve.welcome.last_sequence), (true, 2));
    assert_eq!(eve.sequences(4).await, [3, 4, 5, 6]);
}

#[tokio::test]
async fn a_newcomer_gets_the_summary_and_what_came_after_it() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=6).await;
    server.call("PUT", "/v1/games/g/summary", &json!({"sequence": 4, "state": {"n": 1.0}})).expect(200);

    let mut bob = Player::enter(&server.dial("g", "bob")).await;

    assert_eq!(bob.welcome.summary.as_ref().map(|summary| summary.sequence), Some(4));
    assert_eq!((bob.welcome.last_sequence, bob.welcome.recovered), (4, true));
    assert_eq!(bob.sequences(2).await, [5, 6]);
}

#[tokio::test]
async fn a_game_made_again_is_another_life() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play_all(1..=3).await;
    server.call("DELETE", "/v1/games/g", &serde_json::Value::Null).expect(204);

    let again = Player::enter(&server.dial("g", "ann").after(3, &ann.welcome.epoch)).await;

    assert_ne!(again.welcome.epoch, ann.welcome.epoch);
    assert_eq!((again.welcome.recovered, again.welcome.head_sequence), (false, 0));
}
