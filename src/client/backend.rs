//! A game's backend and its operator, as far as a client of ours needs them: they call the service over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ClientError, Http, HttpAnswer, Timer};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A game's backend.
#[derive(Clone)]
pub struct Backend {
    http: Http,
    url: String,
    api_token: String,
}

impl Backend {
    /// A backend of the service at `url`, with a token for its HTTP API.
    #[must_use]
    pub fn new(url: &str, api_token: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self { http: Http::new(PATIENCE), url, api_token: api_token.to_owned() }
    }

    /// Makes a game for these players, with clocks where a `timeControl` is given.
    ///
    /// # Errors
    /// `Unreachable`, `HttpRefused`: the service does not answer, or refuses; what it said comes along.
    pub async fn make_game(
        &self,
        game_id: &str,
        players: &[String],
        time_control: Option<&Value>,
    ) -> Result<(), ClientError> {
        self.put_game(game_id, &json!({ "players": players, "timeControl": time_control })).await.map(drop)
    }

    /// Makes or changes a game, and returns how it stands.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn put_game(&self, game_id: &str, game: &Value) -> Result<Value, ClientError> {
        self.put(&format!("/v1/games/{game_id}"), game).await
    }

    /// Orders a game's clocks, as `PUT …/clock` takes it, and returns what they show then.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn order_clock(&self, game_id: &str, order: &Value) -> Result<Timer, ClientError> {
        serde_json::from_value(self.set_clock(game_id, order).await?).map_err(ClientError::malformed)
    }

    /// The same, with the answer as it was written.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn set_clock(&self, game_id: &str, order: &Value) -> Result<Value, ClientError> {
        self.put(&format!("/v1/games/{game_id}/clock"), order).await
    }

    /// How a game stands.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn game(&self, game_id: &str) -> Result<Value, ClientError> {
        read(&self.get(&format!("/v1/games/{game_id}")).await?)
    }

    /// Ends a game.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn end_game(&self, game_id: &str) -> Result<(), ClientError> {
        self.delete(&format!("/v1/games/{game_id}")).await
    }

    /// Reads whatever is at this path, as text.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn get(&self, path: &str) -> Result<String, ClientError> {
        let answer = self.call(path, |agent, url, token| agent.get(url).header(TOKEN, token).call()).await?;
        answer.success(path)
    }

    /// Posts this body, and returns the answer; `Null` where there is none.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let body = body.to_string();
        let answer = self.call(path, move |agent, url, token| agent.post(url).header(TOKEN, token).send(body)).await?;
        match answer.success(path)?.as_str() {
            "" => Ok(Value::Null),
            body => read(body),
        }
    }

    /// Removes what is at this path.
    ///
    /// # Errors
    /// As [`Backend::make_game`].
    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        let answer = self.call(path, |agent, url, token| agent.delete(url).header(TOKEN, token).call()).await?;
        answer.success(path).map(drop)
    }

    async fn put(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let body = body.to_string();
        let answer = self.call(path, move |agent, url, token| agent.put(url).header(TOKEN, token).send(body)).await?;
        read(&answer.success(path)?)
    }

    async fn call<F>(&self, path: &str, call: F) -> Result<HttpAnswer, ClientError>
    where
        F: FnOnce(&ureq::Agent, &str, &str) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static,
    {
        let (url, api_token) = (format!("{}{path}", self.url), self.api_token.clone());
        self.http.call(&self.url, move |agent| call(agent, &url, &api_token)).await
    }
}

fn read(body: &str) -> Result<Value, ClientError> {
    serde_json::from_str(body).map_err(ClientError::malformed)
}

const TOKEN: &str = "X-API-Token";
