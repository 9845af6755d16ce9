//! Centrifugo's bidirectional protocol in JSON: commands with an id, replies, pushes; several may share one frame.
//!
//! <https://centrifugal.dev/docs/transports/client_protocol>

use serde::Deserialize;
use serde_json::json;

use super::{Dialect, Heard, Misheard, Move};

/// A subscriber of a channel, who publishes into it too.
pub struct Centrifugo {
    channel: String,
    commands: u64,
    /// The channel's epoch, and the last offset that was received.
    position: Option<(String, u64)>,
}

impl Centrifugo {
    /// A subscriber of this channel, who is not connected yet.
    pub fn new(channel: &str) -> Self {
        Self { channel: channel.to_owned(), commands: 0, position: None }
    }

    fn next_id(&mut self) -> u64 {
        self.commands += 1;
        self.commands
    }

    fn published(&mut self, publication: Publication, heard: &mut Vec<Heard>) -> Result<(), Misheard> {
        let Some((_, last)) = &mut self.position else { return Err(Misheard("a push before the subscription".into())) };
        if publication.offset != *last + 1 {
            return Err(Misheard(format!("offset {} comes after {last}", publication.offset)));
        }
        *last = publication.offset;
        heard.push(Heard::Moved(publication.data));
        Ok(())
    }

    fn subscribed(&mut self, answer: Subscribed, heard: &mut Vec<Heard>) -> Result<(), Misheard> {
        let returns = self.position.is_some();
        heard.push(Heard::Seated { recovered: answer.recovered });
        if !returns || !answer.recovered {
            self.position = Some((answer.epoch, answer.offset));
            return Ok(());
        }
        answer.publications.into_iter().try_for_each(|publication| self.published(publication, heard))
    }
}

impl Dialect for Centrifugo {
    fn path(&self) -> String {
        "/connection/websocket".to_owned()
    }

    fn opening(&mut self) -> Option<String> {
        let connect = json!({ "id": self.next_id(), "connect": {} });
        let subscription = match &self.position {
            Some((epoch, offset)) => {
                json!({ "channel": self.channel, "recover": true, "epoch": epoch, "offset": offset })
            }
            None => json!({ "channel": self.channel }),
        };
        let subscribe = json!({ "id": self.next_id(), "subscribe": subscription });
        Some(format!("{connect}\n{subscribe}"))
    }

    fn tell(&mut self, chess_move: Move) -> String {
        let (id, channel) = (self.next_id(), &self.channel);
        format!(r#"{{"id":{id},"publish":{{"channel":"{channel}","data":{chess_move}}}}}"#)
    }

    fn hear(&mut self, frame: &str, heard: &mut Vec<Heard>) -> Result<(), Misheard> {
        for line in frame.lines() {
            if line == PING {
                heard.push(Heard::Answer(PING.to_owned()));
                continue;
            }
            let reply: Reply = serde_json::from_str(line).map_err(|error| Misheard::at(line, error))?;
            match reply {
                Reply { error: Some(_), .. } | Reply { push: Some(Push { disconnect: Some(_), .. }), .. } => {
                    return Err(Misheard::at(line, "a refusal"));
                }
                Reply { push: Some(Push { publication: Some(publication), .. }), .. } => {
                    self.published(publication, heard)?;
                }
                Reply { subscribe: Some(answer), .. } => self.subscribed(answer, heard)?,
                // Of a connection, or of a publication that will come, or has come, as a push.
                Reply { .. } => {}
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Reply {
    error: Option<serde::de::IgnoredAny>,
    subscribe: Option<Subscribed>,
    push: Option<Push>,
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "pub")]
    publication: Option<Publication>,
    disconnect: Option<serde::de::IgnoredAny>,
}

/// What is zero, empty or false is left out.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Subscribed {
    recovered: bool,
    epoch: String,
    offset: u64,
    publications: Vec<Publication>,
}

#[derive(Deserialize)]
struct Publication {
    data: Move,
    offset: u64,
}

/// An empty reply is a ping, an empty command its pong.
const PING: &str = "{}";
