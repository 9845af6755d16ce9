//! Who a connection is and what it wants, read from its request.
//!
//! Only what the request itself shows is judged here; whether the game honours it, the game says.

use std::str::FromStr;

use actix_web::{HttpRequest, http::header, web::Query};
use serde::Deserialize;

use crate::{
    clock::Clock,
    domain::{Epoch, Farewell, GameId, Position, Role, Sequence, UserId},
    edge::{Live, auth},
    settings::AllowedOrigins,
    shard::messages::Claim,
};

/// The protocol's own name, selected where a client offers it.
pub const VERSION: &str = "rejoin.v1";

/// What a connection wants.
pub struct Entry {
    pub game_id: GameId,
    pub claim: Claim,
    pub asked: Role,
    pub said: Option<Position>,
}

/// Why a connection is to be closed as soon as it is open.
pub struct Unfit {
    pub why: Farewell,
    /// The game that was asked for, as far as that can be read.
    pub game_id: Option<GameId>,
}

#[derive(Debug, Default, Deserialize)]
struct Wish {
    #[serde(rename = "gameId")]
    game_id: Option<String>,
    resume: Option<String>,
    after: Option<String>,
    epoch: Option<String>,
    role: Option<String>,
}

/// A text after `prefix` that the client offers as a subprotocol.
fn offered<'a>(request: &'a HttpRequest, prefix: &str) -> Option<&'a str> {
    request
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(prefix))
}

impl Entry {
    /// Reads what a connection wants.
    ///
    /// # Errors
    /// Why it is to be closed as soon as it is open.
    pub fn read(request: &HttpRequest, live: &Live, clock: &Clock) -> Result<Self, Unfit> {
        let wish = Query::<Wish>::from_query(request.query_string()).map(Query::into_inner).unwrap_or_default();
        let game_id = wish.game_id.as_deref().and_then(|text| GameId::parse(text).ok());
        let unfit = |why| Unfit { why, game_id: game_id.clone() };
        let game_id = game_id.clone().ok_or_else(|| unfit(Farewell::MissingGame))?;
        let claim = match wish.resume.as_deref().or_else(|| offered(request, "resume.")) {
            Some(text) => {
                let token = live.tokens.open(text).filter(|token| token.game_id == game_id);
                Claim::Resume(token.ok_or_else(|| unfit(Farewell::InvalidToken))?)
            }
            None => {
                let token = auth::bearer(request.headers()).or_else(|| offered(request, "bearer."));
                let token = token.ok_or_else(|| unfit(Farewell::Unauthorized))?;
                let claims = live.access.verify(token, clock.now());
                let claims = claims.map_err(|_| unfit(Farewell::Unauthorized))?;
                // Said before the game is looked for: a token never tells its holder which other games there are.
                if !claims.opens(&game_id) {
                    return Err(unfit(Farewell::Forbidden));
                }
                Claim::Access(claims)
            }
        };
        let asked = if wish.role.as_deref() == Some("spectator") { Role::Spectator } else { Role::Player };
        // A position that cannot be read is one from another life of the game.
        let said = wish.after.zip(wish.epoch).map(|(after, epoch)| Position {
            epoch: u64::from_str(&after).ok().and_then(|_| Epoch::parse(&epoch)),
            after: Sequence::new(after.parse().unwrap_or(0)),
        });
        Ok(Self { game_id, claim, asked, said })
    }

    /// The user, as far as the request shows it.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        match &self.claim {
            Claim::Resume(token) => &token.user_id,
            Claim::Access(claims) => &claims.user_id,
        }
    }
}

/// Whether a request's origin is one that may connect.
#[must_use]
pub fn may_come_from(request: &HttpRequest, allowed: &AllowedOrigins) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else { return false };
    let without_port = |text: &str, port: &str| text.strip_suffix(port).unwrap_or(text).to_owned();
    match allowed {
        AllowedOrigins::Any => true,
        AllowedOrigins::Listed(origins) => {
            let implied = if origin.starts_with("https:") { ":443" } else { ":80" };
            origins.contains(&without_port(&origin, implied))
        }
        AllowedOrigins::SameHost => {
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            let of_origin = origin.split_once("://").map(|(_, host)| host);
            of_origin.is_some() && of_origin == host.map(str::to_ascii_lowercase).as_deref()
        }
    }
}
