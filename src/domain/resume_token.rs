//! The token that brings a client back to its seat.
//!
//! A token says which seat it opens and is signed, so that no store holds anything that would open a seat and no token
//! needs a database before its game is known. Whether the seat still honours it is the seat's to say.
//! See docs/decisions/0001-signed-resume-tokens.md.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{GameId, Generation, SessionId, UserId};

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
/// Version, generation, session, and the length of the user's name.
const HEAD_BYTES: usize = 1 + 4 + 16 + 1;
/// No token is longer; anything longer is refused before it is decoded.
const MAX_TEXT_BYTES: usize = 512;

/// Which seat a token opens. Holding one proves that the service signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeToken {
    pub session_id: SessionId,
    pub generation: Generation,
    pub game_id: GameId,
    pub user_id: UserId,
}

/// The secrets that sign (the first) and verify (all of them) resume tokens.
pub struct TokenKeys(Vec<hmac::Key>);

impl TokenKeys {
    /// Makes keys of secrets; the first signs.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self(secrets.into_iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())).collect())
    }

    /// Writes a token as text of `[A-Za-z0-9_-]`.
    ///
    /// # Panics
    /// Without any secret, which the settings never allow.
    #[must_use]
    pub fn sign(&self, token: &ResumeToken) -> String {
        let key = self.0.first().expect("settings require a secret");
        let user = token.user_id.as_str().as_bytes();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + user.len() + token.game_id.as_str().len() + MAC_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&token.generation.number().to_be_bytes());
        bytes.extend_from_slice(token.session_id.as_bytes());
        bytes.push(u8::try_from(user.len()).expect("a user id has at most 128 bytes"));
        bytes.extend_from_slice(user);
        bytes.extend_from_slice(token.game_id.as_str().as_bytes());
        let mac = hmac::sign(key, &bytes);
        bytes.extend_from_slice(mac.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token; `None` for whatever was not signed here. Takes the same time wherever the signature differs.
    #[must_use]
    pub fn open(&self, text: &str) -> Option<ResumeToken> {
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (signed, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        self.0.iter().find(|key| hmac::verify(key, signed, mac).is_ok())?;
        read(signed)
    }
}

fn read(signed: &[u8]) -> Option<ResumeToken> {
    let (head, names) = signed.split_at_checked(HEAD_BYTES)?;
    if head[0] != VERSION {
        return None;
    }
    let (user, game) = names.split_at_checked(usize::from(head[HEAD_BYTES - 1]))?;
    Some(ResumeToken {
        generation: Generation::new(u32::from_be_bytes(head[1..5].try_into().ok()?)),
        session_id: SessionId::from_bytes(head[5..21].try_into().ok()?),
        user_id: UserId::parse(std::str::from_utf8(user).ok()?).ok()?,
        game_id: GameId::parse(std::str::from_utf8(game).ok()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ResumeToken {
        ResumeToken {
            session_id: SessionId::generate(),
            generation: Generation::new(3),
            game_id: GameId::parse("g:1").unwrap(),
            user_id: UserId::parse("ann").unwrap(),
        }
    }

    #[test]
    fn a_token_opens_what_it_was_signed_for() {
        let keys = TokenKeys::new(["secret"]);

        assert_eq!(keys.open(&keys.sign(&token())).unwrap().game_id, token().game_id);
    }

    #[test]
    fn a_token_with_any_bit_changed_is_refused() {
        let keys = TokenKeys::new(["secret"]);
        let bytes = URL_SAFE_NO_PAD.decode(keys.sign(&token())).unwrap();

        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys.open(&URL_SAFE_NO_PAD.encode(forged)), None, "bit {bit}");
        }
        for odd in ["", "x", "é", &"A".repeat(10_000)] {
            assert_eq!(keys.open(odd), None);
        }
    }

    #[test]
    fn an_old_secret_verifies_until_it_is_taken_away() {
        let text = TokenKeys::new(["old"]).sign(&token());

        assert!(TokenKeys::new(["new", "old"]).open(&text).is_some());
        assert!(TokenKeys::new(["new"]).open(&text).is_none());
    }
}
