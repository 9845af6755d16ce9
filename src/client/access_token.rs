//! Mints access tokens for development, smoke runs and tests. A real game's backend signs its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::{ClientError, Role};

/// What an access token says about its holder.
#[derive(Debug, Clone)]
pub struct AccessClaims {
    /// Becomes `sub`.
    pub user_id: String,
    /// Becomes `gid`: the only games the token opens. `None` leaves the claim out.
    pub games: Option<Vec<String>>,
    /// Becomes `role`. `None` leaves the claim out, which means a player.
    pub role: Option<Role>,
    /// How long the token is good for, in whole seconds from now.
    pub lifetime: Duration,
}

/// Signs the claims with HS256.
///
/// # Errors
/// `Mint`: the claims could not be signed; nothing about it gets better by trying again.
pub fn mint_access_token(claims: &AccessClaims, secret: &str) -> Result<String, ClientError> {
    #[expect(clippy::disallowed_methods, reason = "the client is a stranger to the server, its clock included")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let body = Body {
        sub: &claims.user_id,
        exp: (now + claims.lifetime).as_secs(),
        gid: claims.games.as_deref(),
        role: claims.role,
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &body, &key).map_err(ClientError::Mint)
}

#[derive(Serialize)]
struct Body<'a> {
    sub: &'a str,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_minted_token_verifies_with_its_secret_and_carries_its_claims() {
        let claims = AccessClaims {
            user_id: "ann".into(),
            games: Some(vec!["g1".into()]),
            role: Some(Role::Spectator),
            lifetime: Duration::from_secs(60),
        };

        let token = mint_access_token(&claims, "secret").unwrap();

        let key = DecodingKey::from_secret(b"secret");
        let read = jsonwebtoken::decode::<Value>(&token, &key, &Validation::new(Algorithm::HS256)).unwrap().claims;
        assert_eq!(read["sub"], "ann");
        assert_eq!(read["gid"], serde_json::json!(["g1"]));
        assert_eq!(read["role"], "spectator");
        assert!(
            jsonwebtoken::decode::<Value>(
                &token,
                &DecodingKey::from_secret(b"other"),
                &Validation::new(Algorithm::HS256)
            )
            .is_err()
        );
    }
}
