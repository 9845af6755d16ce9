//! A game's backend, as far as a client of ours needs one: it makes games, orders their clocks and ends them, over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ClientError, Timer};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A game's backend.
#[derive(Clone)]
pub struct Backend {
    agent: ureq::Agent,
    url: String,
    api_token: String,
}

impl Backend {
    /// A backend of the service at `url`, with a token for its HTTP API.
    #[must_use]
    pub fn new(url: &str, api_token: &str) -> Self {
        let settings = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        Self { agent: settings.into(), url: url.trim_end_matches('/').to_owned(), api_token: api_token.to_owned() }
    }

    /// Makes a game for these players, with clocks where a `timeControl` is given.
    ///
    /// # Errors
    /// `Backend`: the service does not answer, or refuses; what it said comes along.
    pub async fn make_game(
        &self,
        game_id: &str,
        players: &[String],
        time_control: Option<&Value>,
    ) -> Result<(), ClientError> {
        let body = json!({ "players": players, "timeControl": time_control }).to_string();
        self.call(game_id, "", move |backend, url| backend.agent.put(url).header(TOKEN, &backend.api_token).send(body))
            .await
            .map(drop)
    }

    /// Orders a game's clocks, as `PUT …/clock` takes it, and returns what they show then.
    ///
    /// # Errors
    /// `Backend`: the service does not answer, or refuses; what it said comes along.
    pub async fn order_clock(&self, game_id: &str, order: &Value) -> Result<Timer, ClientError> {
        let body = order.to_string();
        let shown = self.call(game_id, "/clock", move |backend, url| {
            backend.agent.put(url).header(TOKEN, &backend.api_token).send(body)
        });
        serde_json::from_str(&shown.await?).map_err(ClientError::malformed)
    }

    /// Ends a game.
    ///
    /// # Errors
    /// `Backend`: the service does not answer, or refuses; what it said comes along.
    pub async fn end_game(&self, game_id: &str) -> Result<(), ClientError> {
        self.call(game_id, "", |backend, url| backend.agent.delete(url).header(TOKEN, &backend.api_token).call())
            .await
            .map(drop)
    }

    /// Calls, and returns the body of a success.
    async fn call<F>(&self, game_id: &str, path: &str, call: F) -> Result<String, ClientError>
    where
        F: FnOnce(&Self, &str) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static,
    {
        let (backend, url) = (self.clone(), format!("{}/v1/games/{game_id}{path}", self.url));
        // The library waits in its thread; it gives up by itself.
        let called = tokio::task::spawn_blocking(move || {
            let mut answer = call(&backend, &url).map_err(|error| error.to_string())?;
            let (status, body) = (answer.status(), answer.body_mut().read_to_string().unwrap_or_default());
            if status.is_success() { Ok(body) } else { Err(format!("HTTP {}: {body}", status.as_u16())) }
        });
        let outcome = called.await.unwrap_or_else(|error| Err(error.to_string()));
        outcome.map_err(|reason| ClientError::Backend { game_id: game_id.to_owned(), reason })
    }
}

const TOKEN: &str = "X-API-Token";
