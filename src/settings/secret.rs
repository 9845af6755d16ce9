//! Secrets, and that they are never shown.

use std::fmt;

use serde::Deserialize;

/// What is shown in place of a secret.
pub(super) const MASK: &str = "********";

pub(super) const SECRETS: &str = "secrets of at least 32 characters each, separated by commas";

/// Below this a secret can be guessed; 32 characters of `openssl rand -hex 32`'s kind hold 128 bits.
const MIN_CHARACTERS: usize = 32;

/// A text of at least 32 characters that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text itself, for signing and comparing alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// One secret or more, so that one can be replaced without downtime: the first is current, all are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secrets {
    current: Secret,
    earlier: Vec<Secret>,
}

impl Secrets {
    /// Returns the one to sign with.
    pub fn current(&self) -> &Secret {
        &self.current
    }

    /// Returns all that are accepted, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.earlier)
    }
}

/// One of the secrets is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {SECRETS}")]
pub struct WeakSecret;

impl TryFrom<String> for Secrets {
    type Error = WeakSecret;

    fn try_from(list: String) -> Result<Self, WeakSecret> {
        let mut secrets = list.split(',').map(|secret| {
            let secret = secret.trim();
            if secret.chars().count() < MIN_CHARACTERS { Err(WeakSecret) } else { Ok(Secret(secret.to_owned())) }
        });
        let current = secrets.next().ok_or(WeakSecret)??;
        Ok(Self { current, earlier: secrets.collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "the-secret-of-last-year-0123456789";
    const NEW: &str = "the-secret-of-this-year-0123456789";

    #[test]
    fn the_first_of_a_list_signs_and_all_are_accepted() {
        let secrets = Secrets::try_from(format!("{NEW}, {OLD}")).unwrap();

        assert_eq!(secrets.current().expose(), NEW);
        assert_eq!(secrets.iter().map(Secret::expose).collect::<Vec<_>>(), [NEW, OLD]);
    }

    #[test]
    fn each_of_a_list_must_be_long_enough() {
        assert_eq!(Secrets::try_from(format!("{NEW},short")), Err(WeakSecret));
        assert_eq!(Secrets::try_from(format!("{NEW},")), Err(WeakSecret));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secrets = Secrets::try_from(format!("{NEW},{OLD}")).unwrap();

        let shown = format!("{secrets:?} {:?} {}", secrets.current(), secrets.current());

        assert!(!shown.contains("secret-of"), "{shown}");
    }
}
