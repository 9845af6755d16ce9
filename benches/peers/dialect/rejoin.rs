//! Rejoin's protocol, as docs/protocol.md has it: in its raw frames, because the peers' clients have no more either.

use serde::Deserialize;

use super::{Dialect, Heard, Misheard, Move};

/// A player of Rejoin.
pub struct Rejoin {
    game: String,
    access_token: String,
    /// What the last welcome brought: the resume token and the game's epoch.
    resume: Option<(String, String)>,
    seen: u64,
    to_replay: u64,
}

impl Rejoin {
    /// A player who is let in by an access token.
    pub fn new(game: &str, access_token: String) -> Self {
        Self { game: game.to_owned(), access_token, resume: None, seen: 0, to_replay: 0 }
    }

    fn moved(&mut self, of: &Payload, chess_move: Move, heard: &mut Vec<Heard>) -> Result<(), Misheard> {
        // Its own reference comes back with a move, which is what confirms it.
        let client_ref = of.client_ref.and_then(|client_ref| client_ref.parse().ok());
        if (of.sequence, client_ref) != (Some(chess_move.number), Some(chess_move.number)) {
            let (sequence, client_ref) = (of.sequence, of.client_ref);
            return Err(Misheard(format!("{chess_move:?} is event {sequence:?} with the reference {client_ref:?}")));
        }
        self.seen = chess_move.number;
        heard.push(Heard::Moved(chess_move));
        Ok(())
    }

    fn acknowledgement(&self) -> Heard {
        Heard::Answer(format!(r#"{{"type":"GAME_ACK","payload":{{"sequence":{}}}}}"#, self.seen))
    }
}

impl Dialect for Rejoin {
    fn path(&self) -> String {
        let position = self.resume.as_ref().map(|(_, epoch)| format!("&after={}&epoch={epoch}", self.seen));
        format!("/ws/game?gameId={}{}", self.game, position.unwrap_or_default())
    }

    fn protocols(&self) -> Option<String> {
        Some(match &self.resume {
            Some((token, _)) => format!("rejoin.v1, resume.{token}"),
            None => format!("rejoin.v1, bearer.{}", self.access_token),
        })
    }

    fn tell(&mut self, chess_move: Move) -> String {
        format!(r#"{{"type":"move","payload":{chess_move},"ref":"{}"}}"#, chess_move.number)
    }

    fn hear(&mut self, text: &str, heard: &mut Vec<Heard>) -> Result<(), Misheard> {
        let frame: Frame = serde_json::from_str(text).map_err(|error| Misheard::at(text, error))?;
        match (frame.kind, frame.payload) {
            ("GAME_MOVE", payload @ Payload { chess_move: Some(chess_move), .. }) => {
                self.moved(&payload, chess_move, heard)?;
                if self.seen.is_multiple_of(ACKNOWLEDGE_EVERY) {
                    heard.push(self.acknowledgement());
                }
            }
            ("GAME_REPLAY", payload @ Payload { message: Some(Message { payload: chess_move }), .. }) => {
                self.moved(&payload, chess_move, heard)?;
                self.to_replay = self.to_replay.saturating_sub(1);
                if self.to_replay == 0 {
                    heard.push(self.acknowledgement());
                }
            }
            ("GAME_RESUME", Payload { token: Some(token), epoch: Some(epoch), recovered, replay_count, .. }) => {
                self.resume = Some((token.to_owned(), epoch.to_owned()));
                self.to_replay = replay_count;
                heard.push(Heard::Seated { recovered });
            }
            ("GAME_ACK" | "GAME_PRESENCE" | "GAME_TIME", _) => {}
            (other, _) => return Err(Misheard::at(text, format_args!("{other} is not expected"))),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    payload: Payload<'a>,
}

/// What the payloads of all kinds of frames have, as far as it counts here.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Payload<'a> {
    sequence: Option<u64>,
    #[serde(rename = "ref")]
    client_ref: Option<&'a str>,
    #[serde(rename = "move")]
    chess_move: Option<Move>,
    message: Option<Message>,
    token: Option<&'a str>,
    epoch: Option<&'a str>,
    recovered: bool,
    replay_count: u64,
}

#[derive(Deserialize)]
struct Message {
    payload: Move,
}

/// As often as the players of `rejoin load` do. The peers have nothing like it.
const ACKNOWLEDGE_EVERY: u64 = 10;
