//! What a scenario is played on: a game of its own, its players, and what its backend and operators see of it.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::scenario::{Miss, Seen, check};
use crate::{
    client::{AccessClaims, Backend, ClientError, Dial, Incoming, Link, Seat, mint_access_token},
    commands::exposition::Exposition,
};

/// The players, in the order of their turns.
pub const PLAYERS: [&str; 2] = ["ann", "bob"];

/// The stage of one scenario.
pub struct Stage {
    url: String,
    game_id: String,
    access_secret: String,
    backend: Backend,
    operator: Backend,
    deadline: Instant,
}

impl Stage {
    /// A stage whose game is not made yet.
    pub fn new(
        url: &str,
        admin_url: &str,
        game_id: String,
        access_secret: &str,
        api_token: &str,
        deadline: Instant,
    ) -> Self {
        let (backend, operator) = (Backend::new(url, api_token), Backend::new(admin_url, api_token));
        Self { url: url.to_owned(), game_id, access_secret: access_secret.to_owned(), backend, operator, deadline }
    }

    /// The game's name.
    pub fn game_id(&self) -> &str {
        &self.game_id
    }

    /// Until when everything must be done.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sees whether a server answers, and takes the API token.
    pub async fn is_there(&self) -> Result<(), ClientError> {
        match self.backend.game(&self.game_id).await {
            Err(ClientError::HttpRefused { status: 404, .. }) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes or changes the game, by these fields besides its players.
    pub async fn make_game(&self, mut game: Value) -> Result<Value, ClientError> {
        game["players"] = json!(PLAYERS);
        self.backend.put_game(&self.game_id, &game).await
    }

    /// Starts the game's clocks, and returns what they show.
    pub async fn start_clock(&self) -> Result<Value, ClientError> {
        self.backend.set_clock(&self.game_id, &json!({"action": "start"})).await
    }

    /// How the game stands, as its backend sees it.
    pub async fn game(&self) -> Result<Value, ClientError> {
        self.backend.game(&self.game_id).await
    }

    /// Ends the game.
    pub async fn end_game(&self) -> Result<(), ClientError> {
        self.backend.end_game(&self.game_id).await
    }

    /// A dial with this player's access token.
    pub fn dial(&self, player: &str) -> Result<Dial, ClientError> {
        let claims = AccessClaims {
            user_id: player.to_owned(),
            games: Some(vec![self.game_id.clone()]),
            role: None,
            lifetime: TOKEN_LIFETIME,
        };
        Ok(self.dial_without_token().with_access_token(mint_access_token(&claims, &self.access_secret)?))
    }

    /// A dial of the game without anything that opens it.
    pub fn dial_without_token(&self) -> Dial {
        Dial::new(&self.url, &self.game_id)
    }

    /// Makes the game, and has both players come.
    pub async fn sit_down(&self) -> Result<[Seat; 2], ClientError> {
        self.make_game(json!({})).await?;
        self.players_come().await
    }

    /// Has both players come to a game that is made.
    pub async fn players_come(&self) -> Result<[Seat; 2], ClientError> {
        let mut seats = [Seat::new(self.dial(PLAYERS[0])?), Seat::new(self.dial(PLAYERS[1])?)];
        for seat in &mut seats {
            seat.resume(self.deadline).await?;
        }
        Ok(seats)
    }

    /// Plays the moves of these numbers, and returns when the last is recorded. Payloads are such that nobody who reads and
    /// writes them again gets the same bytes.
    pub async fn play(&self, seat: &mut Seat, numbers: RangeInclusive<u64>) -> Result<(), Miss> {
        for number in numbers {
            let payload = format!(r#"{{ "n":{number}.0, "text":"\u0065{number}", "n":1e2 }}"#);
            let event = seat.play("move", &payload, &format!("m{number}"), self.deadline).await?;
            check(event.payload.get() == payload, || format!("`{payload}` came back as `{}`", event.payload))?;
        }
        Ok(())
    }

    /// Waits for a number to become what is wanted; returns how long that took.
    ///
    /// # Errors
    /// `Failed`: it was still something else in the end; `what` says of what.
    pub async fn until<F>(
        &self,
        what: &str,
        within: Duration,
        wanted: impl Fn(f64) -> bool,
        look: impl Fn() -> F,
    ) -> Result<Duration, Miss>
    where
        F: Future<Output = Result<f64, Miss>>,
    {
        let began = Instant::now();
        loop {
            let number = look().await?;
            if wanted(number) {
                return Ok(began.elapsed());
            }
            check(began.elapsed() < within, || format!("{what} was still {number} after {within:?}"))?;
            sleep(LOOK_EVERY).await;
        }
    }

    /// The highest pruned sequence, as the game's backend sees it.
    pub async fn floor(&self) -> Result<f64, Miss> {
        number(&self.game().await?, "floorSequence")
    }

    /// The last acknowledgement of a player, as the game's backend sees it.
    pub async fn last_ack(&self, player: &str) -> Result<f64, Miss> {
        let game = self.game().await?;
        let players = game["players"].as_array().map_or(&[][..], Vec::as_slice);
        let player = players.iter().find(|one| one["userId"] == player);
        number(player.unwrap_or(&Value::Null), "lastAckSequence")
    }

    /// The largest backlog in the game's shard, as operators see it.
    pub async fn backlog_metric(&self) -> Result<f64, Miss> {
        let shard = self.game().await?["shard"].to_string();
        let metrics = Exposition::parse(&self.operator.get("/metrics").await?);
        let backlog = metrics.sum(BACKLOG, &[("shard", &shard)]);
        backlog.ok_or_else(|| Miss::Failed(format!("there is no {BACKLOG} of shard {shard} in /metrics")))
    }
}

/// Holds what one player has seen against what the other has: the same, from the first event to the last.
pub fn compare(one: &Seat, other: &Seat) -> Result<(), Miss> {
    for (player, seat) in PLAYERS.into_iter().zip([one, other]) {
        let faults: Vec<String> = seat.history().faults().iter().map(ToString::to_string).collect();
        check(faults.is_empty(), || format!("{player}: {}", faults.join("; ")))?;
    }
    let (one, other) = (one.history().events(), other.history().events());
    check(one == other, || {
        format!("{} saw {} events, {} saw {}, not the same", PLAYERS[0], one.len(), PLAYERS[1], other.len())
    })
}

/// The next frame that answers something: what the server tells by itself is passed over.
pub async fn answer(link: &mut Link) -> Result<Incoming, ClientError> {
    loop {
        match link.next(ANSWER_WITHIN).await? {
            Incoming::Presence { .. } | Incoming::Time(_) => {}
            answer => return Ok(answer),
        }
    }
}

/// Sends a text on a player's connection and expects to be refused with this code, and nothing worse.
pub async fn refused(seat: &mut Seat, text: &str, code: &str) -> Seen {
    let link = connected(seat)?;
    link.send_text(text).await?;
    match answer(link).await? {
        Incoming::Error(refusal) if refusal.code == code => Ok(format!("ERROR {code}")),
        other => Err(Miss::Failed(format!("`{text}` was answered with {other:?}"))),
    }
}

/// A player's connection, to say what no seat says.
pub fn connected(seat: &mut Seat) -> Result<&mut Link, Miss> {
    seat.link().ok_or_else(|| Miss::Failed("the connection is gone".to_owned()))
}

fn number(of: &Value, field: &str) -> Result<f64, Miss> {
    of[field].as_f64().ok_or_else(|| Miss::Failed(format!("there is no number `{field}` in {of}")))
}

const BACKLOG: &str = "ws_replay_backlog_size";
const TOKEN_LIFETIME: Duration = Duration::from_mins(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
