//! Reading a `postgres://` URL, and what a connection is told beyond it.

use std::{error::Error, iter, time::Duration};

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::tls::{Tls, Trust};
use crate::store::StoreError;

/// What our statements need to be planned well. All of them look rows up by their keys, also in tables that have not
/// been analyzed yet, and planning one for its very values would take longer than doing it.
const PLANNING: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
                        -c enable_mergejoin=off -c jit=off";
/// A connection that nothing has been heard on for that long is asked whether it lives.
const QUIET: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 2;
/// What was sent and is not received in that time ends its connection.
const UNRECEIVED: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(2);

/// A server and how to reach it.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

impl Address {
    /// Reads a URL. What it says goes before what is said here.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (url, ssl) = split_ssl(url);
        let invalid = |why: String| StoreError::Unavailable(format!("the database's URL: {why}"));
        let (mode, trust) = ssl.meaning().map_err(invalid)?;
        let tls = Tls::new(trust, ssl.root_cert.as_deref()).map_err(invalid)?;
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| invalid(with_causes(&error)))?;
        config.ssl_mode(mode);
        config.keepalives_idle(config.get_keepalives_idle().min(QUIET));
        config.keepalives_interval(config.get_keepalives_interval().unwrap_or(KEEPALIVE_INTERVAL));
        config.keepalives_retries(config.get_keepalives_retries().unwrap_or(KEEPALIVE_RETRIES));
        config.tcp_user_timeout(config.get_tcp_user_timeout().copied().unwrap_or(UNRECEIVED));
        config.connect_timeout(config.get_connect_timeout().copied().unwrap_or(CONNECT));
        if config.get_application_name().is_none() {
            config.application_name("rejoin");
        }
        Ok(Self { config, tls })
    }

    /// Lets the server give up about when we do: on a lock sooner, and on a client that broke off later.
    pub(super) fn within(mut self, deadline: Duration) -> Self {
        let (statement, lock, idle) = (deadline.as_millis(), deadline.as_millis() / 2, deadline.as_millis() * 2);
        let given = self.config.get_options().unwrap_or_default();
        let options = format!(
            "-c statement_timeout={statement} -c lock_timeout={lock} -c idle_in_transaction_session_timeout={idle} \
             {PLANNING} {given}"
        );
        self.config.options(options);
        self
    }

    /// Where it is, without secrets.
    pub(super) fn place(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "?".to_owned(),
        };
        format!("{host}/{}", self.config.get_dbname().unwrap_or("?"))
    }
}

/// An error's text with those of its causes, which the driver leaves to its reader.
pub(super) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut causes = vec![error.to_string()];
    causes.extend(iter::successors(error.source(), |&error| error.source()).map(ToString::to_string));
    // Some tell their causes by themselves.
    causes.dedup_by(|next, before| before.contains(next.as_str()));
    causes.join(": ")
}

/// The parameters of a URL that the driver does not know all of.
#[derive(Default)]
struct Ssl {
    mode: Option<String>,
    root_cert: Option<String>,
}

impl Ssl {
    fn meaning(&self) -> Result<(SslMode, Trust), String> {
        Ok(match self.mode.as_deref() {
            Some("disable") => (SslMode::Disable, Trust::Anyone),
            None | Some("allow" | "prefer") => (SslMode::Prefer, Trust::Anyone),
            // With authorities at hand, libpq wants to see one even so.
            Some("require") if self.root_cert.is_none() => (SslMode::Require, Trust::Anyone),
            Some("require" | "verify-ca") => (SslMode::Require, Trust::Authority),
            Some("verify-full") => (SslMode::Require, Trust::Name),
            Some(other) => {
                return Err(format!("sslmode `{other}` is none of disable, prefer, require, verify-ca, verify-full"));
            }
        })
    }
}

fn split_ssl(url: &str) -> (String, Ssl) {
    let mut ssl = Ssl::default();
    let Some((place, query)) = url.split_once('?') else { return (url.to_owned(), ssl) };
    let mut others = Vec::new();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", mode)) => ssl.mode = Some(mode.to_owned()),
            Some(("sslrootcert", path)) => ssl.root_cert = Some(path.replace("%2F", "/").replace("%2f", "/")),
            Some(_) | None => others.push(parameter),
        }
    }
    (format!("{place}?{}", others.join("&")), ssl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(query: &str) -> Result<(SslMode, Trust), String> {
        split_ssl(&format!("postgres://db/games{query}")).1.meaning()
    }

    #[test]
    fn sslmode_means_what_it_means_to_libpq() {
        for (query, mode, trust) in [
            ("", SslMode::Prefer, Trust::Anyone),
            ("?sslmode=disable", SslMode::Disable, Trust::Anyone),
            ("?sslmode=require", SslMode::Require, Trust::Anyone),
            ("?sslmode=require&sslrootcert=%2Fetc%2Fca.pem", SslMode::Require, Trust::Authority),
            ("?connect_timeout=1&sslmode=verify-ca", SslMode::Require, Trust::Authority),
            ("?sslmode=verify-full", SslMode::Require, Trust::Name),
        ] {
            assert_eq!(meaning(query), Ok((mode, trust)), "{query}");
        }
        assert!(meaning("?sslmode=verify").unwrap_err().contains("verify-full"));
    }

    #[test]
    fn a_url_overrides_what_we_would_say() {
        let url = "postgres://rejoin:hush@db/games?connect_timeout=9&options=-c%20lock_timeout%3D7&sslmode=require";
        let address = Address::parse(url).unwrap().within(Duration::from_secs(2));

        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(9)));
        let options = address.config.get_options().unwrap();
        assert!(options.starts_with("-c statement_timeout=2000 -c lock_timeout=1000 "), "{options}");
        assert!(options.ends_with("-c lock_timeout=7"), "the last one counts: {options}");
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(address.place(), "db/games");
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_its_password() {
        let refused = Address::parse("postgres://rejoin:hush@db/games?frobnicate=1").err().unwrap().to_string();

        assert!(refused.contains("frobnicate") && !refused.contains("hush"), "{refused}");
    }
}
