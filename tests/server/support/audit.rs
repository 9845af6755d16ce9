//! Holds what players saw of a game, and what they were confirmed, against what the server has of it.

use std::collections::HashSet;

use rejoin::client::{Dial, Event};
use serde_json::Value;
use tokio::time::Instant;

use super::{Player, SOON, Server, crowd::Contender, until};

/// Every confirmed event is there once, in order, without holes: for both players, in the log, and for a newcomer.
pub(super) async fn audit(server: &Server, players: &mut [Contender]) {
    let game_id = players[0].game_id.clone();
    let confirmed: usize = players.iter().map(|player| player.confirmed.len()).sum();
    let head = u64::try_from(confirmed).unwrap();
    for player in players.iter_mut() {
        let seen = player.seat.see(head, Instant::now() + SOON).await;
        assert!(seen.is_ok(), "{game_id}: {head} does not come after {}: {seen:?}", player.seat.history().last());
    }
    // Where it was played elsewhere too, the server may be told a little later.
    until("every confirmed event, and no other", SOON, || server.game(&game_id)["headSequence"] == head).await;

    let log = server.events(&game_id);
    let floor = server.game(&game_id)["floorSequence"].as_u64().unwrap();
    for player in players.iter() {
        check_history(player, head);
        check_log(&log, player.seat.history().events(), floor);
        assert!(player.acknowledges || floor == 0, "{game_id}: nobody acknowledged, and yet it was pruned");
    }
    let watching = Dial { spectate: true, ..server.dial(&game_id, "eve") };
    let mut eve = Player::enter(&watching).await;
    let from = eve.welcome.last_sequence;
    assert!(from <= floor, "{game_id}: not all of it is replayed");
    assert_eq!(eve.events(head - from).await, after(from, players[0].seat.history().events()), "{game_id}");
}

fn check_history(player: &Contender, head: u64) {
    let (game_id, history) = (&player.game_id, player.seat.history());
    assert_eq!(history.faults(), [], "{game_id}");
    let lost = player.confirmed.iter().find(|event| !history.events().contains(event));
    assert_eq!(lost, None, "{game_id}: a confirmed event is gone");
    let named: HashSet<_> = history.events().iter().map(|event| (&event.user_id, &event.reference)).collect();
    assert_eq!(named.len(), history.events().len(), "{game_id}: an event was recorded twice");
    let sequences: Vec<u64> = history.events().iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (sequences[0]..=head).collect::<Vec<_>>(), "{game_id}");
}

/// The log is what was seen, to the byte, as far as it was not pruned by the time it was read.
fn check_log(log: &[Value], seen: &[Event], floor: u64) {
    let from = log.first().map_or(floor, |first| first["sequence"].as_u64().unwrap() - 1);
    assert!(from <= floor, "what lies between {floor} and {from} is gone");
    let seen = after(from, seen);
    assert_eq!(log.len(), seen.len());
    for (stored, seen) in log.iter().zip(seen) {
        assert_eq!(stored["sequence"], seen.sequence);
        assert_eq!(stored["ref"].as_str(), seen.reference.as_deref());
        assert_eq!(stored["userId"].as_str(), seen.user_id.as_deref());
        assert_eq!(stored["payload"].to_string(), seen.payload.get());
        assert_eq!(stored["createdAt"].as_u64(), Some(seen.created_at_ms));
    }
}

fn after(sequence: u64, events: &[Event]) -> Vec<Event> {
    events.iter().filter(|event| event.sequence > sequence).cloned().collect()
}
