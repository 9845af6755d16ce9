//! Where to connect, as whom, and from which position on.

use std::{fmt::Write as _, time::Duration};

use super::{
    ClientError,
    tungstenite::{
        client::IntoClientRequest,
        handshake::client::Request,
        http::{HeaderName, HeaderValue, Uri},
    },
};

/// Everything one connection is made with.
///
/// # Defaults
/// No credential, no position, a player, the subprotocol `rejoin.v1` offered, 10 s of patience.
#[derive(Debug, Clone)]
pub struct Dial {
    /// Where the server is, `http://host:port` or `ws://host:port`, without the path.
    pub url: String,
    /// Empty: the parameter is left out.
    pub game_id: String,
    pub credential: Credential,
    pub carry: Carry,
    pub position: Option<Position>,
    /// Asks for `role=spectator`.
    pub spectate: bool,
    pub origin: Option<String>,
    /// Offers `rejoin.v1`. A browser that offers anything must offer this too, or it refuses the answer.
    pub offer_version: bool,
    /// Further query parameters, escaped by us.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Text frames that leave in the same packet as the handshake.
    pub early: Vec<String>,
    /// How long connecting, and later each write, may take.
    pub patience: Duration,
}

/// What proves who the client is. Not `Debug` in full: it must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    Nothing,
    AccessToken(String),
    ResumeToken(String),
}

/// How the credential travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carry {
    /// As an offered subprotocol, out of URLs.
    Subprotocol,
    /// A resume token in the query, an access token in the `Authorization` header.
    QueryOrHeader,
}

/// The last event a client has processed, and the life of the game it was in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub after: u64,
    pub epoch: String,
}

impl Dial {
    /// A dial of this game at this address, with the defaults.
    pub fn new(url: impl Into<String>, game_id: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            game_id: game_id.into(),
            credential: Credential::Nothing,
            carry: Carry::Subprotocol,
            position: None,
            spectate: false,
            origin: None,
            offer_version: true,
            query: Vec::new(),
            headers: Vec::new(),
            early: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// Comes with an access token.
    pub fn with_access_token(self, token: impl Into<String>) -> Self {
        Self { credential: Credential::AccessToken(token.into()), ..self }
    }

    /// Comes with a resume token.
    pub fn with_resume_token(self, token: impl Into<String>) -> Self {
        Self { credential: Credential::ResumeToken(token.into()), ..self }
    }

    /// Asks for what happened after this event.
    pub fn after(self, sequence: u64, epoch: impl Into<String>) -> Self {
        Self { position: Some(Position { after: sequence, epoch: epoch.into() }), ..self }
    }

    /// The handshake as a request.
    ///
    /// # Errors
    /// `Address`: the URL, a header or a token cannot stand in a request.
    pub(super) fn request(&self) -> Result<Request, ClientError> {
        let uri: Uri = self.target()?.parse().map_err(|error| self.unusable(error))?;
        let mut request = uri.into_client_request().map_err(|error| self.unusable(error))?;
        let mut header = |name: &str, value: &str| -> Result<(), ClientError> {
            let name = HeaderName::try_from(name).map_err(|error| self.unusable(error))?;
            let value = HeaderValue::try_from(value).map_err(|error| self.unusable(error))?;
            request.headers_mut().insert(name, value);
            Ok(())
        };

        let protocols = self.protocols();
        if !protocols.is_empty() {
            header("sec-websocket-protocol", &protocols.join(", "))?;
        }
        if let (Credential::AccessToken(token), Carry::QueryOrHeader) = (&self.credential, self.carry) {
            header("authorization", &format!("Bearer {token}"))?;
        }
        if let Some(origin) = &self.origin {
            header("origin", origin)?;
        }
        for (name, value) in &self.headers {
            header(name, value)?;
        }
        Ok(request)
    }

    fn protocols(&self) -> Vec<String> {
        let mut protocols = Vec::new();
        if self.offer_version {
            protocols.push(VERSION.to_owned());
        }
        match (&self.credential, self.carry) {
            (Credential::AccessToken(token), Carry::Subprotocol) => protocols.push(format!("bearer.{token}")),
            (Credential::ResumeToken(token), Carry::Subprotocol) => protocols.push(format!("resume.{token}")),
            (Credential::Nothing, _) | (_, Carry::QueryOrHeader) => {}
        }
        protocols
    }

    fn target(&self) -> Result<String, ClientError> {
        let (scheme, rest) = self.url.split_once("://").ok_or_else(|| self.unusable("no scheme"))?;
        if !matches!(scheme, "http" | "ws") {
            return Err(self.unusable("only http and ws are spoken, no TLS"));
        }
        let mut target = format!("ws://{}/ws/game", rest.trim_end_matches('/'));
        let mut separator = '?';
        for (name, value) in self.parameters() {
            target.push(separator);
            escape(&mut target, name);
            target.push('=');
            escape(&mut target, value.as_str());
            separator = '&';
        }
        Ok(target)
    }

    fn parameters(&self) -> Vec<(&str, String)> {
        let mut parameters = Vec::new();
        if !self.game_id.is_empty() {
            parameters.push(("gameId", self.game_id.clone()));
        }
        if let (Credential::ResumeToken(token), Carry::QueryOrHeader) = (&self.credential, self.carry) {
            parameters.push(("resume", token.clone()));
        }
        if let Some(Position { after, epoch }) = &self.position {
            parameters.push(("after", after.to_string()));
            parameters.push(("epoch", epoch.clone()));
        }
        if self.spectate {
            parameters.push(("role", "spectator".to_owned()));
        }
        parameters.extend(self.query.iter().map(|(name, value)| (name.as_str(), value.clone())));
        parameters
    }

    pub(super) fn unusable(&self, reason: impl ToString) -> ClientError {
        ClientError::Address { url: self.url.clone(), reason: reason.to_string() }
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::AccessToken(_) => "AccessToken(…)",
            Self::ResumeToken(_) => "ResumeToken(…)",
        })
    }
}

/// Appends `text` as it may stand in a query.
fn escape(target: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => target.push(byte.into()),
            other => write!(target, "%{other:02X}").expect("writing into a String never fails"),
        }
    }
}

const VERSION: &str = "rejoin.v1";
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn header(request: &Request, name: &str) -> Option<String> {
        request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn tokens_stay_out_of_the_url_by_default() {
        let dial = Dial::new("http://127.0.0.1:8080/", "g 1").with_resume_token("t-1").after(7, "e1");

        let request = dial.request().unwrap();

        assert_eq!(request.uri().to_string(), "ws://127.0.0.1:8080/ws/game?gameId=g%201&after=7&epoch=e1");
        assert_eq!(header(&request, "sec-websocket-protocol").unwrap(), "rejoin.v1, resume.t-1");
        assert_eq!(header(&request, "host").unwrap(), "127.0.0.1:8080");
    }

    #[test]
    fn an_access_token_can_travel_in_its_header_and_a_resume_token_in_the_query() {
        let mut dial = Dial::new("ws://h:1", "g").with_access_token("a.b.c");
        dial.carry = Carry::QueryOrHeader;

        let access = dial.request().unwrap();
        let resume = dial.with_resume_token("t-1").request().unwrap();

        assert_eq!(header(&access, "authorization").unwrap(), "Bearer a.b.c");
        assert_eq!(header(&access, "sec-websocket-protocol").unwrap(), "rejoin.v1");
        assert_eq!(resume.uri().query(), Some("gameId=g&resume=t-1"));
        assert_eq!(header(&resume, "authorization"), None);
    }

    #[test]
    fn a_url_we_cannot_dial_is_named() {
        let error = Dial::new("https://h", "g").request().unwrap_err();

        assert_eq!(error.to_string(), "cannot dial `https://h`: only http and ws are spoken, no TLS");
    }
}
