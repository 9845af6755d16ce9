//! Who may join: access tokens, and what they open.
//!
//! An access token is a JWT (HS256, RFC 7519) that the game's own backend signs with a secret it shares with us. We sign
//! none but those of games that we make ourselves.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{Game, GameId, Timestamp, UserId};

/// What a connection may do in a game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Has a seat, records events and acknowledges them.
    #[default]
    Player,
    /// Watches only.
    Spectator,
}

impl Role {
    /// The role as the wire has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Player => "player",
            Role::Spectator => "spectator",
        }
    }
}

/// What a verified access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub user_id: UserId,
    pub role: Role,
    /// The only games that the token opens; `None` where it names none.
    pub games: Option<Vec<GameId>>,
}

/// An access token that is refused: never says which part was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is missing, forged or expired")]
pub struct Unauthorized;

/// The secrets of access tokens: all verify, the first signs.
pub struct AccessKeys {
    signing: Option<EncodingKey>,
    verifying: Vec<DecodingKey>,
}

/// One user, one game, until then.
#[derive(Serialize)]
struct Invitation<'a> {
    sub: &'a UserId,
    gid: &'a GameId,
    exp: i64,
}

#[derive(Deserialize)]
struct RawClaims {
    sub: Option<UserId>,
    #[serde(rename = "userId")]
    user_id: Option<UserId>,
    exp: f64,
    gid: Option<OneOrMany>,
    #[serde(default)]
    role: Role,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(GameId),
    Many(Vec<GameId>),
}

impl AccessKeys {
    /// Makes keys of secrets.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets: Vec<&[u8]> = secrets.into_iter().map(str::as_bytes).collect();
        Self {
            signing: secrets.first().map(|secret| EncodingKey::from_secret(secret)),
            verifying: secrets.iter().map(|secret| DecodingKey::from_secret(secret)).collect(),
        }
    }

    /// Signs a token that opens this game to this user, and no other, until then (in whole seconds).
    ///
    /// # Panics
    /// Without any secret, which the settings never allow.
    #[must_use]
    pub fn invite(&self, user: &UserId, game: &GameId, until: Timestamp) -> String {
        let key = self.signing.as_ref().expect("settings require a secret");
        let invitation = Invitation { sub: user, gid: game, exp: until.as_millis() / 1_000 };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &invitation, key).expect("two names and a number are JSON")
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// `Unauthorized`: another algorithm than HS256, a bad signature, no `exp` or one in the past, no valid user.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Unauthorized> {
        let mut rules = Validation::new(Algorithm::HS256);
        // The library would ask the system's clock; ours is an argument.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let raw: RawClaims = self
            .verifying
            .iter()
            .find_map(|key| jsonwebtoken::decode(token, key, &rules).ok())
            .ok_or(Unauthorized)?
            .claims;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
        let now_seconds = now.as_millis() as f64 / 1000.0;
        #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "written so that a NaN is refused too")]
        if !(raw.exp > now_seconds) {
            return Err(Unauthorized);
        }
        Ok(Claims {
            user_id: raw.sub.or(raw.user_id).ok_or(Unauthorized)?,
            role: raw.role,
            games: raw.gid.map(|gid| match gid {
                OneOrMany::One(game) => vec![game],
                OneOrMany::Many(games) => games,
            }),
        })
    }
}

impl Claims {
    /// Says as what the user may join a game, if at all.
    ///
    /// `asked` is the role the client wants; nobody gets more than the token gives. `open_games` is the house's rule
    /// for games that name no players.
    #[must_use]
    pub fn role_in(&self, game: &Game, asked: Role, open_games: bool) -> Option<Role> {
        if !self.opens(&game.id) {
            return None;
        }
        match self.role {
            // Whoever signs tokens gave this one to watch; which games it reaches, `gid` says.
            Role::Spectator => Some(Role::Spectator),
            Role::Player => {
                let named = game.players.contains(&self.user_id);
                let invited = self.games.is_some();
                (named || invited || game.is_open(open_games)).then_some(asked)
            }
        }
    }

    /// Whether the token reaches this game: it names the game, or none.
    #[must_use]
    pub fn opens(&self, game: &GameId) -> bool {
        self.games.as_ref().is_none_or(|games| games.contains(game))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn signed(algorithm: Algorithm, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(b"secret")).unwrap()
    }

    fn verify(claims: &Value) -> Result<Claims, Unauthorized> {
        AccessKeys::new(["secret"]).verify(&signed(Algorithm::HS256, claims), NOW)
    }

    #[test]
    fn the_user_is_sub_or_user_id() {
        assert_eq!(verify(&json!({"sub": "ann", "exp": 1001})).unwrap().user_id.as_str(), "ann");
        assert_eq!(verify(&json!({"userId": "bob", "exp": 1001})).unwrap().user_id.as_str(), "bob");
    }

    #[test]
    fn a_token_needs_a_user_and_an_end_that_lies_ahead() {
        for claims in [
            json!({"sub": "ann"}),
            json!({"sub": "ann", "exp": 1000}),
            json!({"sub": "ann", "exp": "1001"}),
            json!({"sub": "ann", "exp": null}),
            json!({"exp": 1001}),
            json!({"sub": "a b", "exp": 1001}),
            json!({"sub": "ann", "exp": 1001, "role": "admin"}),
        ] {
            assert_eq!(verify(&claims), Err(Unauthorized), "{claims}");
        }
    }

    #[test]
    fn no_other_algorithm_and_no_unsigned_token_is_accepted() {
        let keys = AccessKeys::new(["secret"]);
        let claims = json!({"sub": "ann", "exp": 1001});
        let unsigned = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );

        assert!(keys.verify(&signed(Algorithm::HS256, &claims), NOW).is_ok());
        assert_eq!(keys.verify(&signed(Algorithm::HS512, &claims), NOW), Err(Unauthorized));
        assert_eq!(keys.verify(&unsigned, NOW), Err(Unauthorized));
        assert_eq!(AccessKeys::new(["other"]).verify(&signed(Algorithm::HS256, &claims), NOW), Err(Unauthorized));
    }

    #[test]
    fn an_invitation_opens_one_game_to_one_user_for_its_time() {
        let (ann, game) = (UserId::parse("ann").unwrap(), GameId::parse("g1").unwrap());

        let token = AccessKeys::new(["secret", "older"]).invite(&ann, &game, Timestamp::from_millis(1_001_999));

        let claims = AccessKeys::new(["secret"]).verify(&token, NOW).unwrap();
        assert_eq!(claims, Claims { user_id: ann, role: Role::Player, games: Some(vec![game]) });
        assert_eq!(AccessKeys::new(["secret"]).verify(&token, Timestamp::from_millis(1_001_000)), Err(Unauthorized));
        assert_eq!(AccessKeys::new(["older"]).verify(&token, NOW), Err(Unauthorized));
    }

    #[test]
    fn gid_names_one_game_or_several() {
        let game = |id: &str| GameId::parse(id).unwrap();

        assert!(verify(&json!({"sub": "ann", "exp": 1001, "gid": "g1"})).unwrap().opens(&game("g1")));
        let several = verify(&json!({"sub": "ann", "exp": 1001, "gid": ["g1", "g2"]})).unwrap();
        assert!(several.opens(&game("g2")));
        assert!(!several.opens(&game("g3")));
    }
}
