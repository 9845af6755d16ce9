//! The Redis tier before the durable store.

use std::net::Ipv6Addr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use serde::Deserialize;

use super::app_env::AppEnv;
use super::connection_url::ConnectionUrl;
use super::section::{Disagreement, Section};
use super::values::{COUNT, COUNT_OR_ZERO, MILLISECONDS, PERCENT, Percent, TRUE_OR_FALSE, milliseconds};
use super::variable::{BuiltIn, Exposure, Variable};

const URL: &str = "redis://<host>:<port>, rediss://<host>:<port> or redis-cluster://<host>:<port>,<host>:<port>";
const HOST: &str = "a host name or an IP address";
const PORT: &str = "a port number from 1 to 65535";
const NAMESPACE: &str = "1 to 64 letters, digits, dots, colons, dashes or underscores";

/// Whether the tier is used, where it is, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RedisSettings {
    /// `SESSION_REDIS_READTHROUGH_ENABLED`, default true in staging, else false.
    #[serde(rename = "session_redis_readthrough_enabled")]
    pub readthrough_enabled: bool,
    /// `SESSION_REDIS_READTHROUGH_PERCENT`, default 100: the share of games that use the tier.
    #[serde(rename = "session_redis_readthrough_percent")]
    pub readthrough_percent: Percent,
    /// `SESSION_REDIS_URL`, default none; wins over host and port.
    #[serde(rename = "session_redis_url")]
    url: Option<RedisAddress>,
    /// `SESSION_REDIS_HOST`, default none; needs the port.
    #[serde(rename = "session_redis_host")]
    host: Option<RedisHost>,
    /// `SESSION_REDIS_PORT`, default none; needs the host.
    #[serde(rename = "session_redis_port")]
    port: Option<NonZeroU16>,
    /// `SESSION_REDIS_NAMESPACE`, default `gsr`: what every key starts with.
    #[serde(rename = "session_redis_namespace")]
    pub namespace: RedisNamespace,
    /// `SESSION_REDIS_POOL_MIN`, default 2 connections kept open.
    #[serde(rename = "session_redis_pool_min")]
    pub pool_min: usize,
    /// `SESSION_REDIS_POOL_MAX`, default 10 connections.
    #[serde(rename = "session_redis_pool_max")]
    pub pool_max: NonZeroUsize,
    /// `SESSION_REDIS_TIMEOUT_MS`, default 250 ms: how long one call may take.
    #[serde(rename = "session_redis_timeout_ms", deserialize_with = "milliseconds")]
    pub timeout: Duration,
}

impl RedisSettings {
    /// Returns where Redis is, from the URL or else from host and port; none when neither was set.
    pub fn address(&self) -> Option<RedisAddress> {
        if let Some(address) = &self.url {
            return Some(address.clone());
        }
        let (host, port) = (self.host.as_ref()?, self.port?);
        Some(RedisAddress::Single(ConnectionUrl::new(format!("redis://{}:{port}", host.0))))
    }
}

/// Where Redis is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum RedisAddress {
    /// One server: a `redis://` or `rediss://` URL.
    Single(ConnectionUrl),
    /// Some nodes of a cluster: a `redis://` URL each, with the same user and password.
    Cluster(Vec<ConnectionUrl>),
}

/// What every key starts with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RedisNamespace(String);

impl RedisNamespace {
    /// Returns the text that keys start with, without a colon after it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct RedisHost(String);

/// The text is not what the variable needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NotRedis(&'static str);

impl TryFrom<String> for RedisAddress {
    type Error = NotRedis;

    fn try_from(url: String) -> Result<Self, NotRedis> {
        let (scheme, rest) = url.split_once("://").ok_or(NotRedis(URL))?;
        let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
        match scheme {
            "redis" | "rediss" => {
                let host_and_port = place.split(['/', '?']).next().unwrap_or(place);
                if !is_host(host_and_port) && !is_host_and_port(host_and_port) {
                    return Err(NotRedis(URL));
                }
                Ok(Self::Single(ConnectionUrl::new(url)))
            }
            "redis-cluster" => {
                let node = |node: &str| {
                    let node = node.trim();
                    let url = user.map_or(format!("redis://{node}"), |user| format!("redis://{user}@{node}"));
                    if is_host_and_port(node) { Ok(ConnectionUrl::new(url)) } else { Err(NotRedis(URL)) }
                };
                Ok(Self::Cluster(place.split(',').map(node).collect::<Result<_, _>>()?))
            }
            _another => Err(NotRedis(URL)),
        }
    }
}

impl TryFrom<String> for RedisHost {
    type Error = NotRedis;

    fn try_from(host: String) -> Result<Self, NotRedis> {
        // An IPv6 address stands in brackets in a URL.
        if host.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self(format!("[{host}]")));
        }
        if is_host(&host) { Ok(Self(host)) } else { Err(NotRedis(HOST)) }
    }
}

impl TryFrom<String> for RedisNamespace {
    type Error = NotRedis;

    fn try_from(namespace: String) -> Result<Self, NotRedis> {
        // No braces: those say which part of a key chooses its cluster slot.
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || ".:-_".contains(sign);
        if (1..=64).contains(&namespace.len()) && namespace.chars().all(is_sign) {
            return Ok(Self(namespace));
        }
        Err(NotRedis(NAMESPACE))
    }
}

fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    !text.is_empty() && text.chars().all(|sign| sign.is_ascii_alphanumeric() || ".-_".contains(sign))
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<NonZeroU16>().is_ok())
}

impl Section for RedisSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("SESSION_REDIS_READTHROUGH_ENABLED", TRUE_OR_FALSE)
            .built_in(BuiltIn::ByEnvironment { development: "false", staging: "true", production: "false" })
            .reloads(),
        Variable::new("SESSION_REDIS_READTHROUGH_PERCENT", PERCENT).default("100").reloads(),
        Variable::new("SESSION_REDIS_URL", URL).exposed(Exposure::Url),
        Variable::new("SESSION_REDIS_HOST", HOST).exposed(Exposure::Url),
        Variable::new("SESSION_REDIS_PORT", PORT),
        Variable::new("SESSION_REDIS_NAMESPACE", NAMESPACE).default("gsr"),
        Variable::new("SESSION_REDIS_POOL_MIN", COUNT_OR_ZERO).default("2"),
        Variable::new("SESSION_REDIS_POOL_MAX", COUNT).default("10"),
        Variable::new("SESSION_REDIS_TIMEOUT_MS", MILLISECONDS).default("250"),
    ];

    fn disagreements(&self, _app_env: AppEnv) -> Vec<Disagreement> {
        const HOST: &str = "SESSION_REDIS_HOST";
        const PORT: &str = "SESSION_REDIS_PORT";
        const MIN: &str = "SESSION_REDIS_POOL_MIN";
        const MAX: &str = "SESSION_REDIS_POOL_MAX";
        let mut found = Vec::new();
        match (&self.host, self.port) {
            (Some(_), None) => {
                found.push(Disagreement { name: HOST, with: PORT, expected: "SESSION_REDIS_PORT beside it" });
            }
            (None, Some(_)) => {
                found.push(Disagreement { name: PORT, with: HOST, expected: "SESSION_REDIS_HOST beside it" });
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if self.pool_min > self.pool_max.get() {
            found.push(Disagreement { name: MIN, with: MAX, expected: "at most SESSION_REDIS_POOL_MAX" });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{FirstStart, Layers, Settings};

    fn parsed(url: &str) -> Result<RedisAddress, NotRedis> {
        RedisAddress::try_from(url.to_owned())
    }

    #[test]
    fn one_server_keeps_its_url() {
        for url in ["redis://cache:6379", "rediss://user:pass@cache:6380/1", "redis://cache", "redis://[::1]:6379"] {
            assert_eq!(parsed(url), Ok(RedisAddress::Single(ConnectionUrl::new(url.to_owned()))));
        }
    }

    #[test]
    fn every_node_of_a_cluster_gets_user_and_password() {
        let Ok(RedisAddress::Cluster(nodes)) = parsed("redis-cluster://:hush@a:7000,b:7001") else {
            panic!("no cluster")
        };

        let urls: Vec<_> = nodes.iter().map(ConnectionUrl::expose).collect();
        assert_eq!(urls, ["redis://:hush@a:7000", "redis://:hush@b:7001"]);
    }

    #[test]
    fn what_is_no_redis_url_is_refused() {
        for url in
            ["cache:6379", "http://cache", "redis://", "redis://cache:x", "redis-cluster://a", "redis-cluster://a:1,"]
        {
            assert_eq!(parsed(url), Err(NotRedis(URL)), "{url}");
        }
    }

    #[test]
    fn host_and_port_are_an_address_unless_there_is_a_url() {
        let address = |values: &[(&str, &str)]| {
            let settings = Settings::read(&Layers::of(values.iter().copied()), FirstStart::TouchNothing).unwrap();
            settings.redis.address()
        };
        let pair = [("SESSION_REDIS_HOST", "::1"), ("SESSION_REDIS_PORT", "6379")];

        assert_eq!(address(&[]), None);
        assert_eq!(address(&pair), parsed("redis://[::1]:6379").ok());
        assert_eq!(address(&[pair[0], pair[1], ("SESSION_REDIS_URL", "redis://cache")]), parsed("redis://cache").ok());
    }

    #[test]
    fn a_namespace_has_no_braces() {
        assert!(RedisNamespace::try_from("gsr:eu-1".to_owned()).is_ok());
        assert!(RedisNamespace::try_from("{gsr}".to_owned()).is_err());
    }
}
