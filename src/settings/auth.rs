//! Who may call, from which pages, and the secrets that tokens are signed with.

use serde::Deserialize;

use super::app_env::AppEnv;
use super::secret::{SECRETS, Secrets};
use super::section::{Disagreement, Section};
use super::values::TRUE_OR_FALSE;
use super::variable::{BuiltIn, Exposure, Variable};

const ORIGINS: &str =
    "same-host, or origins like https://play.example.com, separated by commas, or * outside production";

/// Secrets and open doors.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AuthSettings {
    /// `API_TOKEN`, what game backends and operators call with; made at the first start in development.
    #[serde(rename = "api_token")]
    pub api_tokens: Secrets,
    /// `READ_REQUIRES_AUTH`, default true: whether reads under `/v1` need the API token too.
    pub read_requires_auth: bool,
    /// `ACCESS_TOKEN_SECRET`, what players' access tokens are signed with; made at the first start in development.
    #[serde(rename = "access_token_secret")]
    pub access_token_secrets: Secrets,
    /// `SESSION_TOKEN_SECRET`, what resume tokens are signed with; made at the first start in development.
    #[serde(rename = "session_token_secret")]
    pub session_token_secrets: Secrets,
    /// `OPEN_GAMES`, default true in development, else false: whether any user may join any game.
    pub open_games: bool,
    /// `ALLOWED_ORIGINS`, default `same-host`: the pages that may open a WebSocket.
    pub allowed_origins: AllowedOrigins,
}

/// The pages a WebSocket may be opened from, by their `Origin` header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AllowedOrigins {
    /// Those of the host that was called.
    SameHost,
    /// All; never in production.
    Any,
    /// These, in lower case, without path and without the port their scheme implies.
    Listed(Vec<String>),
}

/// The text is no list of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {ORIGINS}")]
pub struct NotOrigins;

impl TryFrom<String> for AllowedOrigins {
    type Error = NotOrigins;

    fn try_from(list: String) -> Result<Self, NotOrigins> {
        match list.trim() {
            "same-host" => Ok(Self::SameHost),
            "*" => Ok(Self::Any),
            list => Ok(Self::Listed(list.split(',').map(parse_origin).collect::<Result<_, _>>()?)),
        }
    }
}

/// Writes an origin as browsers send it.
fn parse_origin(text: &str) -> Result<String, NotOrigins> {
    let origin = text.trim().to_ascii_lowercase();
    let (scheme, host) = origin.split_once("://").ok_or(NotOrigins)?;
    let is_host_sign = |sign: char| sign.is_ascii_alphanumeric() || ".-_:[]".contains(sign);
    let is_scheme_sign = |sign: char| sign.is_ascii_alphanumeric() || "+-.".contains(sign);
    if scheme.is_empty() || host.is_empty() || !scheme.chars().all(is_scheme_sign) || !host.chars().all(is_host_sign) {
        return Err(NotOrigins);
    }
    let implied_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _another => return Ok(origin),
    };
    Ok(origin.strip_suffix(implied_port).unwrap_or(&origin).to_owned())
}

impl Section for AuthSettings {
    const VARIABLES: &'static [Variable] = &[
        secrets("API_TOKEN"),
        Variable::new("READ_REQUIRES_AUTH", TRUE_OR_FALSE).default("true").reloads(),
        secrets("ACCESS_TOKEN_SECRET"),
        secrets("SESSION_TOKEN_SECRET"),
        Variable::new("OPEN_GAMES", TRUE_OR_FALSE)
            .built_in(BuiltIn::ByEnvironment { development: "true", staging: "false", production: "false" })
            .reloads(),
        Variable::new("ALLOWED_ORIGINS", ORIGINS).default("same-host").reloads(),
    ];

    fn disagreements(&self, app_env: AppEnv) -> Vec<Disagreement> {
        if app_env == AppEnv::Production && self.allowed_origins == AllowedOrigins::Any {
            let expected = "same-host or a list of origins in production";
            return vec![Disagreement { name: "ALLOWED_ORIGINS", with: "APP_ENV", expected }];
        }
        Vec::new()
    }
}

const fn secrets(name: &'static str) -> Variable {
    Variable::new(name, SECRETS).built_in(BuiltIn::MadeInDevelopment).exposed(Exposure::Secret).reloads()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(list: &str) -> Result<AllowedOrigins, NotOrigins> {
        AllowedOrigins::try_from(list.to_owned())
    }

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        let origins = listed("https://Play.Example.com:443, http://localhost:3000,capacitor://localhost");

        let expected = ["https://play.example.com", "http://localhost:3000", "capacitor://localhost"];
        assert_eq!(origins, Ok(AllowedOrigins::Listed(expected.map(str::to_owned).to_vec())));
    }

    #[test]
    fn what_no_browser_sends_is_no_origin() {
        for text in ["play.example.com", "https://play.example.com/", "https://", "https://a,*", "https://a,", "://a"] {
            assert_eq!(listed(text), Err(NotOrigins), "{text}");
        }
    }
}
