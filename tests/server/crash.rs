//! Crashes in the middle of games: nothing confirmed is lost, nothing is doubled, no sequence is left out.

use std::{cell::Cell, collections::HashSet, time::Duration};

use futures_util::future::join_all;
use rejoin::client::{ClientError, Event, Seat};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{ANY_RATE, Chance, Player, Server, soon};

const KILLS: usize = 30;
const GAMES: usize = 4;
const PLAYERS: usize = 2 * GAMES;
/// Long after all of it should be over.
const DEADLINE: Duration = Duration::from_secs(120);
/// How long a player tries before it starts over. Short, so that after many crashes the growing pauses of the advised
/// backoff do not keep most players away from the next.
const PATIENCE: Duration = Duration::from_millis(300);

/// One player of one game, and what the server has confirmed to it.
struct Contender {
    number: usize,
    game_id: String,
    seat: Seat,
    confirmed: Vec<Event>,
    acknowledges: bool,
}

/// What players and killer know of each other.
#[derive(Default)]
struct Arena {
    over: Cell<bool>,
    /// What each player was confirmed by now.
    confirmed: [Cell<usize>; PLAYERS],
}

impl Arena {
    fn confirmed(&self) -> [usize; PLAYERS] {
        self.confirmed.each_ref().map(Cell::get)
    }
}

impl Contender {
    fn new(server: &Server, number: usize) -> Self {
        let game = number / 2;
        let game_id = format!("game-{game}");
        let seat = Seat::new(server.dial(&game_id, ["ann", "bob"][number % 2]));
        // In the last game nobody acknowledges, so that all of it can be read in the end.
        Self { number, game_id, seat, confirmed: Vec::new(), acknowledges: game + 1 < GAMES }
    }

    /// Moves, and acknowledges now and then, until it is over.
    async fn play(&mut self, arena: &Arena, mut chance: Chance) {
        while !arena.over.get() {
            let event = self.move_once().await;
            self.confirmed.push(event);
            arena.confirmed[self.number].set(self.confirmed.len());
            if self.acknowledges && chance.below(4) == 0 {
                let seen = self.seat.history().last();
                self.acknowledge(seen - chance.below(seen.min(3))).await;
            }
            if chance.below(50) == 0 {
                self.seat.cut();
            }
            sleep(chance.millis_below(8)).await;
        }
    }

    async fn move_once(&mut self) -> Event {
        let reference = format!("r{}", self.confirmed.len());
        let payload = format!(r#"{{"n":{},"x":1.0}}"#, self.confirmed.len());
        loop {
            match self.seat.play("move", &payload, &reference, Instant::now() + PATIENCE).await {
                Ok(event) => {
                    assert_eq!(event.payload.get(), payload);
                    return event;
                }
                Err(error) => start_over(error).await,
            }
        }
    }

    async fn acknowledge(&mut self, sequence: u64) {
        while let Err(error) = self.seat.acknowledge(sequence, Instant::now() + PATIENCE).await {
            start_over(error).await;
        }
    }

    fn sequences(&self) -> Vec<u64> {
        self.seat.history().events().iter().map(|event| event.sequence).collect()
    }
}

/// Goes on where all that went wrong is that the server was away.
async fn start_over(error: ClientError) {
    assert!(matches!(error, ClientError::GaveUp { .. }), "{error}");
    sleep(Duration::from_millis(5)).await;
}

/// Kills the server again and again, each time while everybody plays.
async fn kill_again_and_again(server: &mut Server, arena: &Arena, mut chance: Chance) {
    for _ in 0..KILLS {
        let before = arena.confirmed();
        while arena.confirmed().iter().zip(before).any(|(now, before)| *now == before) {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(chance.millis_below(250)).await;
        server.kill();
        server.restart().await;
    }
    arena.over.set(true);
}

#[tokio::test]
async fn kills_in_the_middle_of_games_lose_nothing_and_double_nothing() {
    let mut chance = Chance::announced();
    let mut server = Server::with(&ANY_RATE).await;
    let arena = Arena::default();
    let mut contenders: Vec<Contender> = (0..PLAYERS).map(|number| Contender::new(&server, number)).collect();

    let playing: Vec<_> = contenders.iter_mut().map(|contender| contender.play(&arena, chance.split())).collect();
    let kills = kill_again_and_again(&mut server, &arena, chance.split());
    timeout(DEADLINE, async { tokio::join!(kills, join_all(playing)) }).await.expect("it takes too long");

    let losses: usize = contenders.iter().map(|contender| contender.seat.losses() as usize).sum();
    println!("{} events were confirmed, {losses} connections were lost", arena.confirmed().iter().sum::<usize>());
    assert!(losses >= KILLS * PLAYERS / 2, "the kills hit too few players: {losses}");
    for game in contenders.chunks_mut(2) {
        check_game(&server, game).await;
    }
}

async fn check_game(server: &Server, players: &mut [Contender]) {
    let game_id = players[0].game_id.clone();
    let head = Player::enter(&server.dial(&game_id, "eve")).await.welcome.head_sequence;
    for player in players.iter_mut() {
        player.seat.see(head, Instant::now() + DEADLINE).await.unwrap();
    }

    for Contender { seat, confirmed, .. } in players.iter() {
        let history = seat.history();
        assert_eq!(history.faults(), [], "{game_id}");
        assert!(confirmed.iter().all(|event| history.events().contains(event)), "{game_id}: a confirmed event is gone");
        let named: HashSet<_> = history.events().iter().map(|event| (&event.user_id, &event.reference)).collect();
        assert_eq!(named.len(), history.events().len(), "{game_id}: an event was recorded twice");
    }
    for player in players.iter() {
        let first = player.sequences()[0];
        assert_eq!(player.sequences(), (first..=head).collect::<Vec<_>>(), "{game_id}");
    }
    let confirmed: usize = players.iter().map(|player| player.confirmed.len()).sum();
    assert_eq!(u64::try_from(confirmed).unwrap(), head, "{game_id}: every event was confirmed in the end");
    check_store(server, &players[0], head);
}

/// What the store has is what the players saw, as far as it was not pruned.
fn check_store(server: &Server, player: &Contender, head: u64) {
    let stored = server.events(&player.game_id);
    let floor = server.game(&player.game_id)["floorSequence"].as_u64().unwrap();
    assert!(player.acknowledges || floor == 0, "nobody acknowledged, and yet it was pruned");
    let sequences: Vec<u64> = stored.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (floor + 1..=head).collect::<Vec<_>>(), "{}", player.game_id);
    let seen = player.seat.history().events().iter().filter(|event| event.sequence > floor);
    for (stored, seen) in stored.iter().zip(seen) {
        assert_eq!(stored["sequence"], seen.sequence);
        assert_eq!(stored["ref"].as_str(), seen.reference.as_deref());
        assert_eq!(stored["userId"].as_str(), seen.user_id.as_deref());
        assert_eq!(stored["payload"].to_string(), seen.payload.get());
        assert_eq!(stored["createdAt"].as_u64(), Some(seen.created_at_ms));
    }
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
