//! What differs between the peers on the wire: how a seat is taken, how a move is sent, how a frame is read. Pure.
//!
//! A dialect remembers what its client has to bring along when it comes back. Sockets and order are `seat`'s.

mod centrifugo;
mod rejoin;
mod socketio;

use std::fmt;

use serde::{Deserialize, Deserializer};

pub use centrifugo::Centrifugo;
pub use rejoin::Rejoin;
pub use socketio::SocketIo;

/// One client's side of a peer's protocol.
pub trait Dialect: Send + Sync {
    /// Path and query of the upgrade. Where a seat was taken before, of taking it again.
    fn path(&self) -> String;

    /// The subprotocols that are offered.
    fn protocols(&self) -> Option<String> {
        None
    }

    /// What is sent as soon as there is a WebSocket.
    fn opening(&mut self) -> Option<String> {
        None
    }

    /// The frame of a move.
    fn tell(&mut self, chess_move: Move) -> String;

    /// Takes a frame in, and appends what it says.
    ///
    /// # Errors
    /// The frame refuses something, or is not what the protocol says.
    fn hear(&mut self, frame: &str, heard: &mut Vec<Heard>) -> Result<(), Misheard>;
}

/// What a frame says.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The seat is taken. `recovered`: what was missed since it was lost comes along.
    Seated { recovered: bool },
    /// A move has its place in the game: the sender's confirmation too.
    Moved(Move),
    /// The protocol wants this sent.
    Answer(String),
}

/// A frame that is a refusal, or makes no sense.
#[derive(Debug)]
pub struct Misheard(pub String);

/// A move of a game of chess, about as long as real ones are. The last of a game is mate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// From 1 on, in each game.
    pub number: u64,
    pub is_last: bool,
}

impl<'de> Deserialize<'de> for Move {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written<'a> {
            n: u64,
            san: &'a str,
        }
        let written = Written::deserialize(deserializer)?;
        Ok(Self { number: written.n, is_last: written.san.ends_with('#') })
    }
}

/// As JSON.
impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, check) = (self.number, if self.is_last { '#' } else { '+' });
        write!(
            f,
            r#"{{"n":{number},"san":"Nxe6{check}","from":"d4","to":"e6","clock":{{"white":171.4,"black":168.0}}}}"#
        )
    }
}

impl Misheard {
    /// Of a frame that cannot be read.
    fn at(frame: &str, error: impl fmt::Display) -> Self {
        let shown: String = frame.chars().take(SHOWN_CHARACTERS).collect();
        Self(format!("{error} in {shown}"))
    }
}

const SHOWN_CHARACTERS: usize = 200;
