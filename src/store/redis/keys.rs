//! What things are called in Redis.
//!
//! All that belongs to a game has its name in braces, so that a cluster keeps it in one place.

use std::sync::Arc;

use crate::domain::{GameId, SessionId, UserId};

/// The names of one namespace.
#[derive(Clone)]
pub(super) struct Keys {
    namespace: Arc<str>,
}

impl Keys {
    pub(super) fn new(namespace: &str) -> Self {
        Self { namespace: namespace.into() }
    }

    /// A game's events: a sorted set, by sequence.
    pub(super) fn events(&self, game: &GameId) -> String {
        format!("{}:{{{game}}}:events", self.namespace)
    }

    /// A user's seat in a game: JSON.
    pub(super) fn seat(&self, game: &GameId, user: &UserId) -> String {
        format!("{}:{{{game}}}:session:{user}", self.namespace)
    }

    /// The game of a session: its id.
    pub(super) fn session(&self, session: SessionId) -> String {
        format!("{}:sessionId:{session}", self.namespace)
    }

    /// What is written and read to see how long that takes.
    pub(super) fn probe(&self) -> String {
        format!("{}:probe", self.namespace)
    }

    /// The channel that nodes tell each other their changes on.
    pub(super) fn changes(&self) -> String {
        format!("{}:changes", self.namespace)
    }

    /// A pattern that every key matches, and none of another namespace.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::new();
        for character in self.namespace.chars() {
            if "*?[]^-\\".contains(character) {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + ":*"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_ones_that_the_contract_names() {
        let (keys, game, user) = (Keys::new("gsr"), GameId::parse("g:1").unwrap(), UserId::parse("ann").unwrap());
        let session = SessionId::from_bytes([0x11; 16]);

        assert_eq!(keys.events(&game), "gsr:{g:1}:events");
        assert_eq!(keys.seat(&game, &user), "gsr:{g:1}:session:ann");
        assert_eq!(keys.session(session), "gsr:sessionId:11111111-1111-1111-1111-111111111111");
    }

    #[test]
    fn a_namespace_is_no_pattern() {
        assert_eq!(Keys::new("a*[b]").pattern(), r"a\*\[b\]:*");
    }
}
