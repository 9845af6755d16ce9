//! Access tokens, the good ones and the others.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rejoin::client::{AccessClaims, mint_access_token};
use serde_json::Value;

/// What the servers of the tests sign and verify access tokens with.
pub const ACCESS_SECRET: &str = "the access token secret of the tests";

/// A player's claims, good for an hour and for any game.
pub fn claims(user_id: &str) -> AccessClaims {
    AccessClaims { user_id: user_id.to_owned(), games: None, role: None, lifetime: Duration::from_secs(3_600) }
}

/// A token of a player that is good for any game.
pub fn access_token(user_id: &str) -> String {
    mint_access_token(&claims(user_id), ACCESS_SECRET).unwrap()
}

/// A token with any claims, signed in any way.
pub fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// A token that says itself that nobody signed it.
pub fn unsigned(claims: &Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", part(r#"{"alg":"none","typ":"JWT"}"#), part(&claims.to_string()))
}

/// The token with one character changed, counted from the start.
pub fn changed_at(token: &str, index: usize) -> String {
    let other = if &token[index..=index] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..index], &token[index + 1..])
}
