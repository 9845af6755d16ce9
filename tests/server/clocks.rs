//! Clocks of real servers that are killed: they lose just the time between recorded turns.

use std::time::Duration;

use rejoin::{
    client::{Event, Incoming, Timer},
    clock::Clock,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Player, Server};

const GAME: &str = "timed";
const TOTAL_MS: u64 = 600_000;
/// Longer than a server is taken to serve a game after it was last heard of.
const LONG_AWAY: Duration = Duration::from_millis(2_500);

fn make_game(server: &Server, on_disconnect: &str) {
    let control =
        json!({ "preset": "CUSTOM", "totalTimeMs": TOTAL_MS, "incrementMs": 50, "onDisconnect": on_disconnect });
    server.put_game(GAME, &json!({ "players": ["ann", "bob"], "timeControl": control }));
}

fn order(server: &Server, order: Value) -> Timer {
    let answer = server.call("PUT", &format!("/v1/games/{GAME}/clock"), &order).expect(200);
    serde_json::from_value(answer.json()).unwrap()
}

/// The next that a player is told of the clocks.
async fn time(player: &mut Player) -> Timer {
    loop {
        if let Incoming::Time(timer) = player.next().await {
            return *timer;
        }
    }
}

/// When Ann's clock began to run: it is shown a little later.
fn started(shown: &Timer) -> u64 {
    shown.server_time - (TOTAL_MS - shown.remaining_of("ann").unwrap())
}

/// What each has left after these turns, which began when the clocks were started.
fn left_after(turns: &[Event], started: u64) -> [u64; 2] {
    let mut left = [TOTAL_MS; 2];
    let mut began = started;
    for (number, turn) in turns.iter().enumerate() {
        left[number % 2] = left[number % 2] - (turn.created_at_ms - began) + 50;
        began = turn.created_at_ms;
    }
    left
}

#[tokio::test]
async fn kills_between_turns_cost_nothing_but_the_time_that_passed() {
    let mut server = Server::start().await;
    make_game(&server, "run");
    let (mut ann, mut bob) =
        (Player::enter(&server.dial(GAME, "ann")).await, Player::enter(&server.dial(GAME, "bob")).await);
    let started = started(&order(&server, json!({ "action": "start" })));
    let mut turns: Vec<Event> = Vec::new();

    for number in 0..12 {
        if number % 4 == 3 {
            server.kill();
            server.restart().await;
            ann = Player::enter(&server.dial(GAME, "ann")).await;
            bob = Player::enter(&server.dial(GAME, "bob")).await;
            assert_eq!(bob.welcome.head_sequence, number, "nothing is lost, and no flag fell");
        }
        let mover = if number % 2 == 0 { &mut ann } else { &mut bob };
        turns.push(mover.play(&format!("m{number}")).await);
        let timer = time(mover).await;
        let shown = ["ann", "bob"].map(|user| timer.remaining_of(user).unwrap());
        let since = timer.server_time - turns.last().unwrap().created_at_ms;
        let mut expected = left_after(&turns, started);
        expected[(turns.len()) % 2] -= since;
        assert_eq!(shown, expected, "to the millisecond, after turn {number}");
    }
}

#[tokio::test]
async fn a_flag_that_was_due_while_no_server_ran_falls_once_and_in_its_time() {
    let mut server = Server::start().await;
    make_game(&server, "run");
    let mut ann = Player::enter(&server.dial(GAME, "ann")).await;
    let shown = order(&server, json!({ "action": "start", "remainingMs": { "ann": 300 } }));
    let zero = shown.server_time + shown.remaining_of("ann").unwrap();
    server.kill();
    sleep(LONG_AWAY).await;
    server.restart().await;

    ann = Player::enter(&server.dial(GAME, "ann").with_resume_token(ann.token())).await;
    let fall = ann.event().await;
    let refused = ann.refused(r#"{"type":"move","payload":{},"ref":"late"}"#).await;

    assert_eq!((fall.event_type.as_str(), fall.user_id.as_deref(), fall.created_at_ms), ("flag_fall", None, zero));
    assert_eq!(refused.code, "flag_fallen");
    server.crash().await;
    assert_eq!(server.game(GAME)["headSequence"], 1, "it fell once");
}

#[tokio::test]
async fn time_that_no_server_served_does_not_count_where_clocks_pause() {
    let mut server = Server::start().await;
    make_game(&server, "pause");
    let ann = Player::enter(&server.dial(GAME, "ann")).await;
    let started = started(&order(&server, json!({ "action": "start" })));
    sleep(LONG_AWAY).await;
    server.kill();
    let killed = u64::try_from(Clock::system().now().as_millis()).unwrap();
    sleep(LONG_AWAY).await;
    server.restart().await;

    let mut ann = Player::enter(&server.dial(GAME, "ann").with_resume_token(ann.token())).await;
    let shown = ann.welcome.timer.clone().unwrap();
    let again = time(&mut ann).await;

    assert!(shown.paused, "{shown:?}");
    let (left, played) = (shown.remaining_of("ann").unwrap(), killed - started);
    assert!(left >= TOTAL_MS - played, "{left} ms are left, though only {played} ms were played");
    let lost = left - again.remaining_of("ann").unwrap();
    assert_eq!(again.running(), Some("ann"));
    assert!(lost <= again.server_time - shown.server_time, "{lost} ms are gone since the clock was shown standing");
}
