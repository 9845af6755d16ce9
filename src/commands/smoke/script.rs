//! What each move looks like on the wire, and who is cut when.

use std::fmt;

use serde_json::json;

use crate::client::Event;

/// A player. Its name is its user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    White,
    Black,
}

impl Side {
    /// Whose move it is.
    pub fn to_move(number: u64) -> Self {
        if number.is_multiple_of(2) { Self::Black } else { Self::White }
    }

    /// The opponent.
    pub fn other(self) -> Self {
        match self {
            Self::White => Self::Black,
            Self::Black => Self::White,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::White => "white",
            Self::Black => "black",
        })
    }
}

/// Who loses its connection at this move: White at the 10th, Black at the 20th, and so on. All of them are Black's moves.
pub fn cut_after(number: u64) -> Option<Side> {
    match number % (2 * CUT_EVERY) {
        CUT_EVERY => Some(Side::White),
        0 => Some(Side::Black),
        _ => None,
    }
}

/// Whether an event is this move, byte for byte.
pub fn is_move(event: &Event, number: u64, san: &str) -> bool {
    event.sequence == number
        && event.event_type == "move"
        && event.payload.get() == payload(san)
        && event.user_id == Some(Side::to_move(number).to_string())
        && event.reference == Some(reference(number))
}

/// The payload that records a move.
pub fn payload(san: &str) -> String {
    json!({"san": san}).to_string()
}

/// What its sender calls a move.
pub fn reference(number: u64) -> String {
    format!("move-{number}")
}

const CUT_EVERY: u64 = 10;
