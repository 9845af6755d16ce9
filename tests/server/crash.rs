//! Crashes in the middle of games: nothing confirmed is lost, nothing is doubled, no sequence is left out.

use std::time::Duration;

use rejoin::client::Seat;
use tokio::time::{sleep, timeout};

use crate::support::{
    ANY_RATE, Chance, Server,
    crowd::{Crowd, Style},
    soon,
};

const KILLS: usize = 30;
const STYLE: Style = Style { games: 4, pause_below_ms: 8, patience: Duration::from_millis(300) };
/// Long after all of it should be over.
const DEADLINE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn kills_in_the_middle_of_games_lose_nothing_and_double_nothing() {
    let mut chance = Chance::announced();
    let mut server = Server::with(&ANY_RATE).await;
    let crowd = Crowd::gather(STYLE, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    let kills = async {
        for _ in 0..KILLS {
            sleep(chance.millis_below(250)).await;
            server.crash().await;
            crowd.goes_on().await;
        }
    };
    timeout(DEADLINE, kills).await.expect("it takes too long");
    let report = crowd.stop().await.audit(&server).await;

    assert!(report.losses >= KILLS * STYLE.games, "the kills hit too few players: {report}");
}

#[tokio::test]
async fn a_server_that_stood_still_goes_on_with_everybody() {
    let settings = [ANY_RATE[0], ANY_RATE[1], ("HEARTBEAT_INTERVAL_MS", "200"), ("HEARTBEAT_MISSES", "3")];
    let server = Server::with(&settings).await;
    let mut ann = Seat::new(server.dial("g", "ann"));
    let mut bob = Seat::new(server.dial("g", "bob"));
    ann.play("move", "{}", "a1", soon()).await.unwrap();
    bob.play("move", "{}", "b1", soon()).await.unwrap();

    // Longer than three of its heartbeats.
    server.freeze();
    sleep(Duration::from_millis(1_000)).await;
    server.thaw();
    ann.play("move", "{}", "a2", soon()).await.unwrap();
    bob.see(3, soon()).await.unwrap();
    ann.see(3, soon()).await.unwrap();

    assert_eq!(ann.history().events(), bob.history().events());
    assert_eq!((ann.history().faults(), bob.history().faults()), ([].as_slice(), [].as_slice()));
}
