//! Clocks as players see them: over real sockets, on one node or several, while the test holds the time.

mod bullet;
mod clocks;

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    client::{
        AccessClaims, Backend, Dial, Event, Incoming, Link, Outgoing, Refusal, Role, Timer, Welcome, mint_access_token,
    },
    clock::Clock,
    domain::Timestamp,
    edge::test_kit::{ACCESS_SECRET, API_TOKEN, Kit, Listening},
};

const GAME: &str = "g1";
const SOON: Duration = Duration::from_secs(10);

/// One store, one clock that stands still, and any number of nodes.
struct House {
    folder: TempDir,
    clock: Clock,
}

/// A node that serves.
struct Node {
    kit: Kit,
    url: String,
    backend: Backend,
    _listening: Listening,
}

/// A connection that is in the game, and what it was told.
struct Guest {
    link: Link,
    user_id: String,
    welcome: Welcome,
    timer: Option<Timer>,
    events: Vec<Event>,
}

impl House {
    fn open() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Clock::held_at(Timestamp::from_millis(1_900_000_000_000)) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("games.db")
    }

    fn node(&self) -> Node {
        let kit = Kit::beside(&self.path(), &self.clock, &[]);
        let (url, listening) = kit.listen();
        Node { kit, backend: Backend::new(&url, API_TOKEN), url, _listening: listening }
    }

    fn wait(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_millis()).unwrap()
    }
}

impl Node {
    async fn make_game(&self, control: &Value) {
        let players = ["ann", "bob"].map(str::to_owned);
        self.backend.make_game(GAME, &players, Some(control)).await.unwrap();
    }

    async fn order(&self, order: &Value) -> Timer {
        self.backend.order_clock(GAME, order).await.unwrap()
    }

    fn dial(&self, user_id: &str, role: Role) -> Dial {
        // Good until long after the time that is held.
        let lifetime = Duration::from_hours(24 * 365 * 20);
        let claims = AccessClaims {
            user_id: user_id.to_owned(),
            games: Some(vec![GAME.to_owned()]),
            role: Some(role),
            lifetime,
        };
        Dial::new(&self.url, GAME).with_access_token(mint_access_token(&claims, ACCESS_SECRET).unwrap())
    }

    async fn enter(&self, user_id: &str) -> Guest {
        Guest::enter(self.dial(user_id, Role::Player)).await
    }

    async fn watch(&self) -> Guest {
        Guest::enter(self.dial("eve", Role::Spectator)).await
    }

    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.kit.edge.registry).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
    }

    /// Ends it as a crash does: what was not written is lost.
    async fn kill(self) {
        self.kit.stop_shards();
        let begun = Instant::now();
        while self.kit.edge.shards.stats(Duration::from_millis(100)).await.iter().any(Option::is_some) {
            assert!(begun.elapsed() < SOON, "the shards do not stop");
        }
    }
}

impl Guest {
    async fn enter(dial: Dial) -> Self {
        let mut link = Link::connect(&dial).await.unwrap();
        match link.next(SOON).await.unwrap() {
            Incoming::Resume(welcome) => Self {
                link,
                user_id: welcome.user_id.clone(),
                timer: welcome.timer.clone(),
                welcome: *welcome,
                events: Vec::new(),
            },
            other => panic!("first came {other:?}"),
        }
    }

    /// Loses the connection, with no goodbye; returns what it takes to come back.
    fn cut(self) -> String {
        self.link.cut();
        self.welcome.token.expect("a player has a token")
    }

    async fn next(&mut self) -> Incoming {
        let incoming = self.link.next(SOON).await.unwrap();
        match &incoming {
            Incoming::Time(timer) => self.timer = Some((**timer).clone()),
            Incoming::Live(event) | Incoming::Replay(event) => self.events.push(event.clone()),
            _ => {}
        }
        incoming
    }

    /// What it was told last of the clocks.
    fn timer(&self) -> &Timer {
        self.timer.as_ref().expect("the game has clocks")
    }

    /// Reads on until it is told of such clocks.
    async fn until_time(&mut self, holds: impl Fn(&Timer) -> bool) -> Timer {
        loop {
            match self.next().await {
                Incoming::Time(timer) if holds(&timer) => return *timer,
                Incoming::Error(refusal) => panic!("instead of the time came {refusal}"),
                _ => {}
            }
        }
    }

    /// Reads on until an event of this type has come.
    async fn until_event(&mut self, event_type: &str) -> Event {
        loop {
            if let Incoming::Live(event) | Incoming::Replay(event) = self.next().await
                && event.event_type == event_type
            {
                return event;
            }
        }
    }

    /// Reads on until it is told that somebody has left.
    async fn until_gone(&mut self, user: &str) {
        loop {
            if let Incoming::Presence { user_id, online: false, .. } = self.next().await
                && user_id == user
            {
                return;
            }
        }
    }

    async fn send(&mut self, event: Outgoing) {
        self.link.send(&event).await.unwrap();
    }

    /// Moves, and reads on until that has come back.
    async fn play(&mut self, payload: &Value) -> Event {
        self.send(Outgoing::event("move", payload.to_string())).await;
        loop {
            match self.next().await {
                Incoming::Live(event) if event.user_id.as_ref() == Some(&self.user_id) => return event,
                Incoming::Error(refusal) => panic!("{payload} was refused with {refusal}"),
                _ => {}
            }
        }
    }

    async fn refused(&mut self, event: Outgoing) -> Refusal {
        self.send(event).await;
        loop {
            if let Incoming::Error(refusal) = self.next().await {
                return refusal;
            }
        }
    }
}

fn custom(total_ms: u64, on_disconnect: &str, grace_ms: u64) -> Value {
    json!({ "preset": "CUSTOM", "totalTimeMs": total_ms, "onDisconnect": on_disconnect, "graceMs": grace_ms })
}

fn left(timer: &Timer) -> [u64; 2] {
    ["ann", "bob"].map(|user_id| timer.remaining_of(user_id).unwrap())
}
