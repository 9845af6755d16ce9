//! HTTP calls, for whoever talks to the service, or to what watches it, beside the game.
//!
//! Owns the waiting: the library blocks, so each call has a thread to itself, and gives up by itself.

use std::{io, time::Duration};

use super::ClientError;

/// Makes calls. Clones share their connections.
#[derive(Clone)]
pub struct Http(ureq::Agent);

/// What came back, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// Up to 64 MiB.
    pub body: String,
}

impl Http {
    /// Calls may take as long as `patience` each.
    pub fn new(patience: Duration) -> Self {
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(patience))
            .http_status_as_error(false)
            .max_idle_connections(IDLE_CONNECTIONS)
            .max_idle_connections_per_host(IDLE_CONNECTIONS)
            .build();
        Self(settings.into())
    }

    /// Makes the call that `call` describes. `url` is told where it fails, and holds no secret.
    ///
    /// # Errors
    /// `Unreachable`: nothing answers there, or not in time.
    pub async fn call<F>(&self, url: &str, call: F) -> Result<HttpAnswer, ClientError>
    where
        F: FnOnce(&ureq::Agent) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static,
    {
        let agent = self.0.clone();
        let called = tokio::task::spawn_blocking(move || {
            let mut response = call(&agent)?;
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(MAX_BODY_BYTES).lossy_utf8(true).read_to_string()?;
            Ok::<_, ureq::Error>(HttpAnswer { status, body })
        });
        let unreachable = |source| ClientError::Unreachable { url: url.to_owned(), source };
        match called.await {
            Ok(answer) => answer.map_err(|error| unreachable(error.into_io())),
            Err(error) => Err(unreachable(io::Error::other(error))),
        }
    }
}

impl HttpAnswer {
    /// The body, where the call succeeded. `path` names what was called.
    ///
    /// # Errors
    /// `HttpRefused`: it did not; what the server said comes along.
    pub fn success(self, path: &str) -> Result<String, ClientError> {
        match self.status {
            200..=299 => Ok(self.body),
            status => Err(ClientError::HttpRefused { path: path.to_owned(), status, body: self.body }),
        }
    }
}

/// As many calls as a load run makes at a time.
const IDLE_CONNECTIONS: usize = 32;
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;
