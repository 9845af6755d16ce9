//! One connection in a game, as a test speaks through it.

use std::time::Duration;

use rejoin::client::{ClientError, Dial, Ending, Event, Incoming, Link, Outgoing, Refusal, Welcome};
use serde_json::Value;
use tokio::time::Instant;

use super::SOON;

/// Somebody who is in a game. Everything that is awaited must come soon.
pub struct Player {
    pub welcome: Welcome,
    pub link: Link,
}

impl Player {
    /// Connects and reads the welcome.
    pub async fn enter(dial: &Dial) -> Self {
        let mut link = Link::connect(dial).await.unwrap();
        match link.next(SOON).await.unwrap() {
            Incoming::Resume(welcome) => Self { welcome: *welcome, link },
            other => panic!("first came {other:?}"),
        }
    }

    /// The resume token that the welcome brought.
    pub fn token(&self) -> String {
        self.welcome.token.clone().expect("a player has a token")
    }

    /// Sends a text, whatever it says.
    pub async fn send(&mut self, text: impl AsRef<str>) {
        self.link.send_text(text.as_ref()).await.unwrap();
    }

    /// Sends a move of this name and does not wait for it.
    pub async fn send_move(&mut self, reference: &str) {
        self.link.send(&named_move(reference)).await.unwrap();
    }

    /// Has a move of this name recorded and returns it as everybody sees it. Passes over what else comes meanwhile.
    pub async fn play(&mut self, reference: &str) -> Event {
        self.send_move(reference).await;
        loop {
            match self.next().await {
                Incoming::Live(event)
                    if event.reference.as_deref() == Some(reference)
                        && event.user_id.as_deref() == Some(self.welcome.user_id.as_str()) =>
                {
                    return event;
                }
                Incoming::Error(refusal) => panic!("`{reference}` was refused with {refusal}"),
                _ => {}
            }
        }
    }

    /// As [`Self::play`], beside others who keep the server busy: asks again, as it is told to, while there is no room.
    pub async fn play_when_there_is_room(&mut self, reference: &str) -> Event {
        let by_now = Instant::now() + SOON;
        self.send_move(reference).await;
        loop {
            match self.next().await {
                Incoming::Live(event) if event.reference.as_deref() == Some(reference) => return event,
                Incoming::Error(refusal) if refusal.code == "backpressure" && Instant::now() < by_now => {
                    tokio::time::sleep(Duration::from_millis(refusal.retry_after_ms.unwrap())).await;
                    self.send_move(reference).await;
                }
                Incoming::Error(refusal) => panic!("`{reference}` was refused with {refusal}"),
                _ => {}
            }
        }
    }

    /// Has moves of these numbers recorded, one after the other.
    pub async fn play_all(&mut self, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            self.play(&format!("m{number}")).await;
        }
    }

    /// Acknowledges, waits for the confirmation, returns the backlog it names.
    pub async fn acknowledge(&mut self, sequence: u64) -> u64 {
        self.link.ack(sequence).await.unwrap();
        loop {
            match self.next().await {
                Incoming::Ack { sequence: confirmed, backlog, .. } if confirmed == sequence => return backlog,
                Incoming::Error(refusal) => panic!("acknowledging {sequence} was refused with {refusal}"),
                _ => {}
            }
        }
    }

    /// The next frame, whatever it is.
    pub async fn next(&mut self) -> Incoming {
        self.link.next(SOON).await.unwrap()
    }

    /// The next frame as JSON.
    pub async fn frame(&mut self) -> Value {
        serde_json::from_str(&self.link.next_text(SOON).await.unwrap()).unwrap()
    }

    /// The next event, replayed or live; presence and time are passed over, anything else is wrong.
    pub async fn event(&mut self) -> Event {
        loop {
            match self.next().await {
                Incoming::Live(event) | Incoming::Replay(event) => return event,
                Incoming::Presence { .. } | Incoming::Time(_) => {}
                other => panic!("instead of an event came {other:?}"),
            }
        }
    }

    /// The next so many events.
    pub async fn events(&mut self, count: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.event().await);
        }
        events
    }

    /// The sequences of the next so many events.
    pub async fn sequences(&mut self, count: u64) -> Vec<u64> {
        self.events(count).await.iter().map(|event| event.sequence).collect()
    }

    /// The next presence; anything else is wrong.
    pub async fn presence(&mut self) -> (String, bool) {
        match self.next().await {
            Incoming::Presence { user_id, online, .. } => (user_id, online),
            other => panic!("instead of a presence came {other:?}"),
        }
    }

    /// The next refusal; presence and time are passed over, anything else is wrong.
    pub async fn refusal(&mut self) -> Refusal {
        loop {
            match self.next().await {
                Incoming::Error(refusal) => return refusal,
                Incoming::Presence { .. } | Incoming::Time(_) => {}
                other => panic!("instead of a refusal came {other:?}"),
            }
        }
    }

    /// Sends a text and returns why it was refused.
    pub async fn refused(&mut self, text: impl AsRef<str>) -> Refusal {
        self.send(text).await;
        self.refusal().await
    }

    /// Asks for a sign of life and waits for it. By then the server knows that this client holds its token.
    pub async fn ping(&mut self) {
        self.link.ping("{}").await.unwrap();
        while !matches!(self.next().await, Incoming::Pong(_)) {}
    }

    /// How the connection ends. Passes over what comes before.
    pub async fn ending(&mut self) -> Ending {
        loop {
            match self.link.next(SOON).await {
                Ok(_) => {}
                Err(ClientError::Ended(ending)) => return ending,
                Err(error) => panic!("instead of the end came: {error}"),
            }
        }
    }
}

/// Connects where that must be followed by the end at once, and returns how it ended.
pub async fn refused_entry(dial: &Dial) -> Ending {
    let mut link = Link::connect(dial).await.unwrap();
    match link.next(SOON).await {
        Err(ClientError::Ended(ending)) => ending,
        other => panic!("instead of the end came {other:?}"),
    }
}

/// Connects where that must be refused over plain HTTP, and returns the status and the body's `code`.
pub async fn refused_upgrade(dial: &Dial) -> (u16, String) {
    match Link::connect(dial).await {
        Err(ClientError::UpgradeRefused { status, body, .. }) => {
            let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in `{body}`"));
            (status, body["code"].as_str().unwrap_or_default().to_owned())
        }
        Err(error) => panic!("instead of a refusal came: {error}"),
        Ok(_) => panic!("the upgrade was not refused"),
    }
}

fn named_move(reference: &str) -> Outgoing {
    Outgoing::event("move", r#"{"san":"Nf3"}"#).named(reference)
}
