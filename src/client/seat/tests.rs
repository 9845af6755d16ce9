//! The seat against a server that misbehaves.

use std::time::Duration;

use tokio::time::Instant;

use super::Seat;
use crate::client::{
    AccessClaims, ClientError, Dial, Fault, Outgoing, Refusal,
    fake_server::{FakeServer, Mischief},
    mint_access_token,
};

const MOVE: &str = r#"{ "san":"e4","n":1.0,"n":1e2 }"#;

fn dial(server: &FakeServer, user_id: &str) -> Dial {
    let claims = AccessClaims { user_id: user_id.into(), games: None, role: None, lifetime: Duration::from_secs(60) };
    Dial::new(&server.url, "g").with_access_token(mint_access_token(&claims, "secret").unwrap())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[tokio::test]
async fn a_cut_player_comes_back_to_what_was_missed() {
    let server = FakeServer::start(Mischief::None).await;
    let (mut ann, mut bob) = (Seat::new(dial(&server, "ann")), Seat::new(dial(&server, "bob")));
    ann.play("move", MOVE, "r1", soon()).await.unwrap();
    bob.see(1, soon()).await.unwrap();

    bob.cut();
    ann.play("move", MOVE, "r2", soon()).await.unwrap();
    ann.play("move", MOVE, "r3", soon()).await.unwrap();
    bob.see(3, soon()).await.unwrap();

    assert_eq!(bob.resumes().iter().map(|resumed| resumed.replayed).collect::<Vec<_>>(), [2]);
    assert_eq!(bob.history().events(), ann.history().events());
    assert_eq!(bob.history().events()[0].payload.get(), MOVE);
    assert_eq!(bob.history().faults(), []);
}

#[tokio::test]
async fn a_lost_confirmation_is_found_in_the_replay() {
    let server = FakeServer::start(Mischief::LoseConfirmation(2)).await;
    let mut ann = Seat::new(dial(&server, "ann"));
    ann.play("move", MOVE, "r1", soon()).await.unwrap();

    let event = ann.play("move", MOVE, "r2", soon()).await.unwrap();

    assert_eq!(event.sequence, 2);
    assert_eq!((ann.losses(), ann.resent(), ann.history().faults()), (1, 0, [].as_slice()));
    assert_eq!(server.recorded("g"), ["r1", "r2"]);
}

#[tokio::test]
async fn a_message_sent_twice_is_recorded_once() {
    let server = FakeServer::start(Mischief::None).await;
    let mut ann = Seat::new(dial(&server, "ann"));
    let first = ann.play("move", MOVE, "r1", soon()).await.unwrap();
    ann.play("move", MOVE, "r2", soon()).await.unwrap();

    let again = ann.play("move", MOVE, "r1", soon()).await.unwrap();
    ann.listen(Instant::now() + Duration::from_millis(50), soon()).await.unwrap();

    assert_eq!(again, first);
    assert_eq!((ann.resent(), ann.history().faults()), (1, [].as_slice()));
    assert_eq!(server.recorded("g"), ["r1", "r2"]);
}

#[tokio::test]
async fn a_message_the_restart_swallowed_is_sent_again() {
    let server = FakeServer::start(Mischief::Drain(2)).await;
    let mut ann = Seat::new(dial(&server, "ann"));
    ann.play("move", MOVE, "r1", soon()).await.unwrap();
    let before = Instant::now();

    let event = ann.play("move", MOVE, "r2", soon()).await.unwrap();

    assert!(before.elapsed() >= Duration::from_millis(30), "came back before it was asked to");
    assert_eq!((event.sequence, ann.losses(), ann.resent()), (2, 1, 1));
    assert_eq!(ann.history().faults(), []);
}

#[tokio::test]
async fn an_event_that_never_came_is_reported() {
    let server = FakeServer::start(Mischief::LoseEvent(2)).await;
    let (mut ann, mut bob) = (Seat::new(dial(&server, "ann")), Seat::new(dial(&server, "bob")));
    ann.play("move", MOVE, "r1", soon()).await.unwrap();
    ann.say(&Outgoing::event("move", MOVE).named("r2")).await.unwrap();
    ann.play("move", MOVE, "r3", soon()).await.unwrap();

    bob.see(3, soon()).await.unwrap();

    assert_eq!(bob.history().faults(), [Fault::Gap { last: 1, sequence: 3 }]);
}

#[tokio::test]
async fn acknowledgements_are_confirmed_once_and_decide_where_a_reloaded_page_starts() {
    let server = FakeServer::start(Mischief::None).await;
    let mut ann = Seat::new(dial(&server, "ann"));
    for reference in ["r1", "r2", "r3"] {
        ann.play("move", MOVE, reference, soon()).await.unwrap();
    }

    let backlog = ann.acknowledge(2, soon()).await.unwrap();
    let known = ann.acknowledge(1, soon()).await.unwrap();
    ann.cut();
    ann.forget_position();
    ann.resume(soon()).await.unwrap();

    assert_eq!((backlog, known), (Some(1), None));
    assert_eq!(ann.resumes()[0].replayed, 1);
    assert_eq!((ann.history().events().len(), ann.history().faults()), (3, [].as_slice()));
}

#[tokio::test]
async fn nobody_there_is_given_up_at_the_deadline() {
    let nobody = Dial::new("http://127.0.0.1:1", "g");

    let result = Seat::new(nobody).resume(Instant::now() + Duration::from_millis(300)).await;

    assert!(matches!(result, Err(ClientError::GaveUp { last }) if matches!(*last, ClientError::Unreachable { .. })));
}

#[tokio::test]
async fn refusals_keep_nobody_away_who_loses_the_connection_after_them() {
    let code = "unavailable".to_owned();
    let refusal = Refusal { code, message: String::new(), reference: None, retry_after_ms: None, head_sequence: None };
    let mut ann = Seat::new(Dial::new("http://127.0.0.1:1", "g"));

    for _ in 0..9 {
        ann.pause_after_refusal(&refusal);
    }

    assert!(ann.backoff.pause(Duration::ZERO) < Duration::from_millis(250), "as long as after the first loss");
    assert_eq!(ann.refusals()["unavailable"], 9);
}
