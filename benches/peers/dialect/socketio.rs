//! Socket.IO's protocol (version 5 on Engine.IO 4), as far as a client needs it that wants nothing but WebSocket.
//!
//! <https://socket.io/docs/v4/engine-io-protocol>, <https://socket.io/docs/v4/socket-io-protocol>

use serde::Deserialize;
use serde_json::json;

use super::{Dialect, Heard, Misheard, Move};

/// A member of a room.
pub struct SocketIo {
    game: String,
    /// Names the session that can be recovered.
    private_id: Option<String>,
    /// Of the last packet that was received, in the adapter's stream.
    offset: Option<String>,
}

impl SocketIo {
    /// A member of this room, who is not there yet.
    pub fn new(game: &str) -> Self {
        Self { game: game.to_owned(), private_id: None, offset: None }
    }

    fn connect(&self) -> String {
        let auth = match (&self.private_id, &self.offset) {
            (Some(pid), Some(offset)) => json!({ "pid": pid, "offset": offset, "game": self.game }),
            (None, _) | (Some(_), None) => json!({ "game": self.game }),
        };
        format!("40{auth}")
    }
}

impl Dialect for SocketIo {
    fn path(&self) -> String {
        "/socket.io/?EIO=4&transport=websocket".to_owned()
    }

    fn tell(&mut self, chess_move: Move) -> String {
        format!(r#"42["move",{chess_move}]"#)
    }

    fn hear(&mut self, frame: &str, heard: &mut Vec<Heard>) -> Result<(), Misheard> {
        let unreadable = |error| Misheard::at(frame, error);
        if let Some(event) = frame.strip_prefix("42") {
            // The adapter's offset comes last: the move is in the stream.
            let (name, chess_move, offset): (&str, Move, &str) = serde_json::from_str(event).map_err(unreadable)?;
            if name != "move" {
                return Err(Misheard::at(frame, "an unknown event"));
            }
            let kept = self.offset.get_or_insert_default();
            kept.clear();
            kept.push_str(offset);
            heard.push(Heard::Moved(chess_move));
        } else if frame == "2" {
            heard.push(Heard::Answer("3".to_owned()));
        } else if let Some(connected) = frame.strip_prefix("40") {
            let connected: Connected = serde_json::from_str(connected).map_err(unreadable)?;
            let recovered = self.private_id.as_ref() == Some(&connected.pid);
            self.private_id = Some(connected.pid);
            heard.push(Heard::Seated { recovered });
        } else if frame.starts_with('0') {
            heard.push(Heard::Answer(self.connect()));
        } else {
            return Err(Misheard::at(frame, "refused, or unknown"));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Connected {
    pid: String,
}
