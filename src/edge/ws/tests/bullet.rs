//! A real bullet game, move by move with its thinking times: the clocks show what was printed then.

use serde_json::json;

use super::{GAME, Guest, House, Node, custom, left};
use crate::client::{Credential, Dial, Role};

const TEXT: &str = include_str!("bullet-60s.txt");
const NAMES: [&str; 2] = ["ann", "bob"];
const LOST_EVERY: usize = 5;
const RESTART_EVERY: usize = 10;
/// What time passes while somebody is away, where that does not count.
const AWAY_MS: u64 = 30_000;

/// Moves, and the mover's seconds after each.
fn record() -> Vec<(&'static str, u64)> {
    let game = TEXT.lines().find(|line| !line.starts_with('#')).unwrap();
    let moves = game.split(" / ").map(|entry| entry.split_once(' ').unwrap());
    moves.map(|(san, seconds)| (san, seconds.trim().parse().unwrap())).collect()
}

/// The game as it is played.
struct Board<'h> {
    house: &'h House,
    node: Node,
    seats: [Option<Guest>; 2],
    /// What each has left, in milliseconds.
    left: [u64; 2],
    pauses: bool,
}

impl<'h> Board<'h> {
    async fn set(house: &'h House, on_disconnect: &str) -> Self {
        let node = house.node();
        node.make_game(&custom(60_000, on_disconnect, 0)).await;
        let seats = [Some(node.enter("ann").await), Some(node.enter("bob").await)];
        Self { house, node, seats, left: [60_000; 2], pauses: on_disconnect == "pause" }
    }

    fn seat(&mut self, side: usize) -> &mut Guest {
        self.seats[side].as_mut().expect("somebody sits there")
    }

    /// Comes back by its resume token to where the clocks show what is left.
    async fn come_back(&mut self, side: usize, token: String) {
        let dial = Dial { credential: Credential::ResumeToken(token), ..self.node.dial(NAMES[side], Role::Player) };
        let guest = Guest::enter(dial).await;
        assert!(guest.welcome.resumed);
        assert_eq!(left(guest.timer()), self.left, "{} comes back to this", NAMES[side]);
        self.seats[side] = Some(guest);
    }

    /// The clock of a player who was away runs again.
    async fn runs_again(&mut self, side: usize) {
        if self.pauses && self.seat(side).timer().paused {
            self.seat(side).until_time(|timer| !timer.paused).await;
        }
    }

    /// A player thinks, and nothing happens.
    fn think(&mut self, side: usize, millis: u64) {
        self.house.wait(millis);
        self.left[side] -= millis;
    }

    /// The mover's connection is lost, and comes back. Returns how long the mover has thought meanwhile.
    async fn lose(&mut self, mover: usize, thinking: u64) -> u64 {
        let token = self.seats[mover].take().expect("the mover is there").cut();
        let thought = if self.pauses {
            self.seat(1 - mover).until_time(|timer| timer.paused).await;
            self.house.wait(AWAY_MS);
            0
        } else {
            self.think(mover, thinking);
            thinking
        };
        self.come_back(mover, token).await;
        self.runs_again(mover).await;
        thought
    }

    /// The node crashes and another starts over the same store; or, without a crash, both go on and everyone moves.
    async fn move_house(&mut self, mover: usize, thinking: u64, crash: bool) -> (u64, Option<Node>) {
        let tokens = [0, 1].map(|side| self.seats[side].take().expect("both are there").cut());
        let mut before = Some(std::mem::replace(&mut self.node, self.house.node()));
        if let Some(before) = before.take_if(|_| crash) {
            before.kill().await;
        }
        let thought = if self.pauses {
            self.house.wait(AWAY_MS);
            0
        } else {
            self.think(mover, thinking);
            thinking
        };
        for (side, token) in tokens.into_iter().enumerate() {
            self.come_back(side, token).await;
        }
        self.runs_again(mover).await;
        (thought, before)
    }

    /// A move is made; both see it, and the clocks as they are then.
    async fn play(&mut self, mover: usize, number: usize, san: &str) {
        let payload = json!({ "san": san });
        let event = self.seat(mover).play(&payload).await;
        assert_eq!((event.sequence, event.created_at_ms), (number as u64, self.house.now()));
        let expected = self.left;
        for side in [0, 1] {
            let next = NAMES[1 - mover];
            let timer = self.seat(side).until_time(|timer| timer.active.as_deref() == Some(next)).await;
            assert_eq!(left(&timer), expected, "after {number}. {san}, as {} sees it", NAMES[side]);
            assert!(!timer.paused);
        }
    }
}

/// Plays the record. Before every sixth move the mover's connection was lost, before every eleventh the node has crashed.
async fn play<'h>(house: &'h House, on_disconnect: &str) -> (Board<'h>, Vec<Node>) {
    let mut board = Board::set(house, on_disconnect).await;
    let mut elsewhere = Vec::new();
    for (number, (san, seconds)) in (1..).zip(record()) {
        let mover = (number - 1) % 2;
        let thinking = board.left[mover] - 1_000 * seconds;
        let thought = match number - 1 {
            0 => 0,
            // There and back again, while the nodes that were left serve on.
            15 | 35 if !board.pauses => {
                let (thought, left_behind) = board.move_house(mover, thinking / 2, false).await;
                elsewhere.extend(left_behind);
                thought
            }
            done if done % RESTART_EVERY == 0 => board.move_house(mover, thinking / 2, true).await.0,
            done if done % LOST_EVERY == 0 => board.lose(mover, thinking / 2).await,
            _ => 0,
        };
        board.think(mover, thinking - thought);
        assert_eq!(board.left[mover], 1_000 * seconds, "the record is played as it is");
        board.play(mover, number, san).await;
    }
    (board, elsewhere)
}

#[actix_web::test]
async fn a_bullet_game_keeps_its_printed_times_through_lost_connections_crashes_and_a_change_of_nodes() {
    let house = House::open();

    let (board, elsewhere) = play(&house, "run").await;

    let timer = board.node.order(&json!({ "action": "pause" })).await;
    assert_eq!(left(&timer), [37_000, 42_000]);
    assert_eq!(board.node.watch().await.welcome.head_sequence, 48, "no flag fell on a node that was left");
    drop(elsewhere);
}

#[actix_web::test]
async fn a_bullet_game_keeps_its_printed_times_where_clocks_pause_without_their_players() {
    let house = House::open();

    let (board, _) = play(&house, "pause").await;

    let timer = board.node.order(&json!({ "action": "pause" })).await;
    assert_eq!(left(&timer), [37_000, 42_000]);
    assert_eq!(GAME, board.node.watch().await.welcome.game_id);
}

#[test]
fn the_record_has_48_moves() {
    let record = record();

    assert_eq!((record.len(), record[0], record[47]), (48, ("d4", 60), ("Qdd1#", 42)));
}
