//! What a server that fails does to those who write, with real servers that really fail.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::{OpenOptions, PostgresStore, server::Server};
use crate::{
    domain::{Epoch, GameId},
    store::{
        DurableStore, Outcome, StoreError,
        conformance::table::{Table, referred, sequences},
    },
};

const GAMES: usize = 50;
const DEADLINE: Duration = Duration::from_secs(1);
/// The rest of a call: its thread has to be given the word. Together they are less than the server freezes for.
const SLACK: Duration = Duration::from_millis(1_900);

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_comes_back_has_lost_nothing() {
    let told = play_through(Server::kill, Duration::from_millis(500), Server::restart).await;

    assert!(told.unavailable > 0, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_freezes_holds_nobody_longer_than_the_deadline() {
    let told = play_through(Server::pause, Duration::from_secs(3), Server::resume).await;

    assert!(told.unknown > 0, "those in the middle of a commit: {told:?}");
}

/// Plays at many games at once while a server has trouble, and shows that all goes on after it, that every call ended
/// in time, and that each log holds what was confirmed, once and in order.
async fn play_through(trouble: fn(&Server), lasting: Duration, end: fn(&Server)) -> Told {
    let server = spawn_blocking(Server::of_ones_own).await.unwrap();
    let options = OpenOptions { deadline: DEADLINE, ..OpenOptions::default() };
    let (url, runtime) = (server.url.clone(), Handle::current());
    let open = spawn_blocking(move || PostgresStore::open(&url, &options, &runtime));
    let store = Arc::new(open.await.unwrap().unwrap());

    let mut players = Vec::new();
    for number in 0..GAMES {
        let Table { id, epoch, .. } = Table::set(&*store, &format!("g{number}"), 0).await;
        players.push(tokio::spawn(Player::play(Arc::clone(&store), id, epoch)));
    }
    sleep(Duration::from_millis(500)).await;
    let server = suffer(server, trouble).await;
    sleep(lasting).await;
    let server = suffer(server, end).await;
    let over = Instant::now();
    let players: Vec<_> = join_all(players).await.into_iter().map(Result::unwrap).collect();

    let mut told = Told::default();
    for player in players {
        let game = Table { store: &*store, id: player.game.0, epoch: player.game.1 };
        let log = game.log().await;
        let refs: Vec<_> = log.iter().map(|event| event.client_ref.as_ref().unwrap().as_str().to_owned()).collect();
        let turns: Vec<_> = (1..=player.confirmed).map(|turn| turn.to_string()).collect();
        assert_eq!(refs, turns, "each turn once, in order");
        assert_eq!(sequences(&log), (1..=player.confirmed).collect::<Vec<_>>());
        assert!(player.last_confirmed > over, "play goes on");
        assert!(player.longest_call < DEADLINE + SLACK, "{:?}", player.longest_call);
        told.unavailable += player.told.unavailable;
        told.unknown += player.told.unknown;
    }
    drop(store);
    spawn_blocking(move || drop(server)).await.unwrap();
    told
}

async fn suffer(server: Server, what: fn(&Server)) -> Server {
    let suffered = spawn_blocking(move || {
        what(&server);
        server
    });
    suffered.await.unwrap()
}

/// How often a player was refused, by what was said.
#[derive(Debug, Default)]
struct Told {
    unavailable: usize,
    unknown: usize,
}

/// Plays turn after turn at one game and asks again, with the same ref, until each is confirmed.
struct Player {
    game: (GameId, Epoch),
    confirmed: u64,
    last_confirmed: Instant,
    longest_call: Duration,
    told: Told,
}

impl Player {
    /// Plays for a while after the trouble that every test has in store.
    async fn play(store: Arc<PostgresStore>, id: GameId, epoch: Epoch) -> Self {
        let game = Table { store: &*store, id, epoch };
        let now = Instant::now();
        let mut player = Self {
            game: (game.id.clone(), game.epoch),
            confirmed: 0,
            last_confirmed: now,
            longest_call: Duration::ZERO,
            told: Told::default(),
        };
        let mut head = 0;
        while now.elapsed() < Duration::from_secs(7) {
            let turn = player.confirmed + 1;
            let began = Instant::now();
            let appending = game.appending(head, vec![referred(head + 1, Some("ann"), &turn.to_string())]);
            let outcome = store.commit(vec![appending]).await;
            player.longest_call = player.longest_call.max(began.elapsed());
            match outcome.map(|mut outcomes| outcomes.remove(0)) {
                Ok(Outcome::Done | Outcome::Repeated(_)) => {
                    (player.confirmed, player.last_confirmed) = (turn, Instant::now());
                    head = turn;
                    sleep(Duration::from_millis(10)).await;
                }
                Ok(Outcome::Stale) => {
                    if let Ok(games) = store.load(vec![game.id.clone()], 0).await {
                        head = games[0].as_ref().unwrap().head().number();
                    }
                }
                Err(StoreError::Unavailable(_)) => {
                    player.told.unavailable += 1;
                    sleep(Duration::from_millis(50)).await;
                }
                Err(StoreError::Unknown(_)) => player.told.unknown += 1,
            }
        }
        player
    }
}
