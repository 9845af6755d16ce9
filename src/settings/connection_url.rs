//! An address that may hold a password, and the way it is shown.

use std::fmt;

use super::secret::MASK;

/// The URL of a database or a cache. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl(String);

impl ConnectionUrl {
    pub(super) fn new(url: String) -> Self {
        Self(url)
    }

    /// Returns the URL with its password, for the driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Returns a URL that may be shown. It hides too much rather than too little where the URL is not well formed.
pub(super) fn without_password(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(colon) => url.split_at(colon + "://".len()),
        None => ("", url),
    };
    // A password may hold any sign, even an unescaped `/` or `@`: all up to the last `@` is the user's part. After a
    // `?` it may as well be a parameter's.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, _)) if user.contains('?') => return format!("{scheme}{MASK}"),
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));

    let mut shown = scheme.to_owned();
    if let Some(user) = user {
        // Without a colon, what stands there may be a token.
        if let Some((name, _)) = user.split_once(':') {
            shown += name;
            shown += ":";
        }
        shown += MASK;
        shown += "@";
    }
    shown += place;
    if let Some(query) = query {
        let parameters: Vec<_> = query.split('&').map(parameter_without_password).collect();
        shown += "?";
        shown += &parameters.join("&");
    }
    shown
}

fn parameter_without_password(parameter: &str) -> String {
    match parameter.split_once('=') {
        // A name in disguise (`p%61ssword`) is not for us to decode.
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") || name.contains('%') => format!("{name}={MASK}"),
        Some(_) | None => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_wherever_it_stands() {
        for (url, shown) in [
            (
                "postgres://rejoin:hush@db:5432/rejoin?sslmode=require",
                "postgres://rejoin:********@db:5432/rejoin?sslmode=require",
            ),
            ("postgres://rejoin:h/u@sh@db/rejoin", "postgres://rejoin:********@db/rejoin"),
            ("postgres://rejoin:hu?sh@db/rejoin", "postgres://********"),
            ("postgres://db/rejoin?password=hu@sh", "postgres://********"),
            ("postgres://db/rejoin?user=a&password=hush", "postgres://db/rejoin?user=a&password=********"),
            ("postgres://db/rejoin?p%61ssword=hush", "postgres://db/rejoin?p%61ssword=********"),
            ("redis://:hush@cache:6379", "redis://:********@cache:6379"),
            ("redis://hush@cache:6379", "redis://********@cache:6379"),
            ("a:hush@cache", "a:********@cache"),
            ("sqlite://data/rejoin.db", "sqlite://data/rejoin.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
