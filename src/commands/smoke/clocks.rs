//! What the clocks must show: the time given, less the time between the recorded moves.

use serde_json::{Value, json};

use super::script::Side;
use crate::client::{Event, Timer};

/// The time control of every game that a backend makes.
pub fn time_control() -> Value {
    json!({"preset": "LONG"})
}

/// What a player must have left, in milliseconds, when a server says this of the clocks after these moves. The first move
/// starts them.
pub fn due(timer: &Timer, moves: &[Event], side: Side) -> u64 {
    let (total, increment) = (timer.config.total_time_ms, timer.config.increment_ms);
    let starts = moves.iter().map(|event| event.created_at_ms);
    let ends = moves.iter().skip(1).map(|event| event.created_at_ms).chain([timer.server_time]);
    // The turn that follows a move is the other side's.
    let turns = (1..).zip(starts.zip(ends)).filter(|(number, _)| Side::to_move(*number).other() == side);
    let spent: u64 = turns.map(|(_, (start, end))| end.saturating_sub(start)).sum();
    let made = (1..).zip(moves).filter(|(number, _)| Side::to_move(*number) == side).count() as u64;
    (total + made * increment).saturating_sub(spent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sequence: u64, created_at_ms: u64) -> Event {
        let payload = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
        Event { sequence, event_type: "move".to_owned(), payload, user_id: None, reference: None, created_at_ms }
    }

    #[test]
    fn each_side_loses_the_time_before_its_own_moves() {
        let timer = json!({
            "active": "black", "remainingMs": {}, "paused": false, "serverTime": 1_900,
            "config": {
                "preset": "CUSTOM", "totalTimeMs": 10_000, "incrementMs": 5, "delayMs": 0, "turnTypes": ["move"],
                "onDisconnect": "run", "graceMs": 0
            }
        });
        let timer: Timer = serde_json::from_value(timer).unwrap();
        let moves = [event(1, 1_000), event(2, 1_030), event(3, 1_700)];

        assert_eq!(due(&timer, &moves, Side::White), 10_000 + 10 - 670);
        assert_eq!(due(&timer, &moves, Side::Black), 10_000 + 5 - 30 - 200);
    }
}
