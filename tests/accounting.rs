//! Holds what the service accounts for its games against what they really take of the machine.
//!
//! A program of its own, because all of a process's memory is looked at.

use std::{fs, sync::Arc};

use rejoin::{
    domain::{EventRef, EventType, Game, GameId, NewEvent, Payload, Seat, Sequence, Timestamp, UserId},
    shard::residents::{Residents, Use},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GAMES: usize = 8_000;
const SEATS: usize = 2;
const NOW: Timestamp = Timestamp::from_millis(1_763_700_000_000);
const TTL: std::time::Duration = std::time::Duration::from_secs(1_800);
const MOVE: &str = r#"{"san":"Nxe6+","from":"d4","to":"e6","clock":{"white":171.4,"black":168.0}}"#;

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Live,
    AtRest,
}

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size()
}

/// A game as it comes about: its players named, seated one by one, each text parsed as it was sent.
fn game(number: usize, events: usize, state: State) -> Game {
    let mut game = Game::new(GameId::parse(&format!("accounting-{number}")).unwrap(), NOW, 50);
    game.players = (0..SEATS).map(|place| UserId::parse(&format!("player-{number}-{place}")).unwrap()).collect();
    for user_id in game.players.clone() {
        game.put_seat(Seat::take(user_id, Sequence::ZERO, NOW, TTL));
    }
    for number in 0..events {
        let event = NewEvent {
            event_type: EventType::parse("move").unwrap(),
            payload: Payload::from_json(MOVE).unwrap(),
            user_id: Some(game.players[number % SEATS].clone()),
            client_ref: EventRef::parse(&format!("m{number}")).ok(),
            expect: None,
            next: None,
        };
        game.commit(Arc::new(event.at(game.head().next(), NOW)));
    }
    if state == State::AtRest {
        game.rest();
    }
    game
}

/// Keeps games in memory. Returns them, and what they take and are accounted for, each.
fn keep(events: usize, state: State) -> (Residents<GameId, Game>, usize, usize) {
    let mut residents = Residents::new(usize::MAX);
    let before = resident_bytes();
    for number in 0..GAMES {
        let game = game(number, events, state);
        residents.insert(game.id.clone(), game, Use::Idle, NOW.plus(TTL)).unwrap();
    }
    let (really, accounted) = ((resident_bytes() - before) / GAMES, residents.bytes() / GAMES);
    println!("{events} events, {state:?}: a game takes {really} bytes, {accounted} by its account");
    (residents, really, accounted)
}

#[test]
fn games_take_what_is_accounted_for_them() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // Finds room in what the process has touched already.
    let mut kept = vec![keep(1, State::Live).0];

    for (events, state) in [(0, State::Live), (50, State::Live), (1, State::AtRest), (50, State::AtRest)] {
        let (residents, really, accounted) = keep(events, state);

        assert!(really * 10 <= accounted * 13, "{events} events, {state:?}: {really}, accounted {accounted}");
        assert!(accounted * 10 <= really * 15, "{events} events, {state:?}: {really}, accounted {accounted}");
        if state == State::AtRest {
            let allowed = SEATS * 1_024 + events * MOVE.len() * 13 / 10;
            assert!(really <= allowed, "{events} events at rest: {really} bytes, {allowed} allowed");
        }
        kept.push(residents);
    }
}
