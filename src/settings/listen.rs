//! Where the service listens, and how long it takes to stop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::app_env::AppEnv;
use super::section::{Disagreement, Section};
use super::values::{MILLISECONDS_OR_ZERO, TRUE_OR_FALSE, milliseconds_or_zero};
use super::variable::{BuiltIn, Variable};

const IP_ADDRESS: &str = "an IP address";

/// The two listeners, and the end of both.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListenSettings {
    /// `PORT`, default 8080; 0 takes any free port.
    pub port: u16,
    /// `BIND`, an IP address, default 127.0.0.1 in development, else 0.0.0.0.
    pub bind: IpAddr,
    /// `ADMIN_PORT`, default 8081; 0 means no second listener.
    pub admin_port: u16,
    /// `ADMIN_BIND`, an IP address, default 127.0.0.1.
    pub admin_bind: IpAddr,
    /// `ADMIN_PUBLIC`, default false: whether `/admin` is served on `PORT` too.
    pub admin_public: bool,
    /// `DEMO`, default true in development, else false: whether `/` shows the service at play.
    pub demo: bool,
    /// `SHUTDOWN_GRACE_MS`, default 5000 ms: how long open work may take to finish after SIGTERM.
    #[serde(rename = "shutdown_grace_ms", deserialize_with = "milliseconds_or_zero")]
    pub shutdown_grace: Duration,
}

impl ListenSettings {
    /// Returns the address of the first listener.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }

    /// Returns the address of the second listener, unless there is none.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        (self.admin_port != 0).then(|| SocketAddr::new(self.admin_bind, self.admin_port))
    }
}

impl ListenSettings {
    /// Returns where this machine reaches the listener for operators, or the only one there is.
    pub fn operators_url(&self) -> String {
        let mut address = self.admin_address().unwrap_or_else(|| self.address());
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("http://{address}")
    }
}

impl Section for ListenSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("PORT", "a port number from 0 to 65535").default("8080"),
        Variable::new("BIND", IP_ADDRESS).built_in(BuiltIn::ByEnvironment {
            development: "127.0.0.1",
            staging: "0.0.0.0",
            production: "0.0.0.0",
        }),
        Variable::new("ADMIN_PORT", "a port number from 0 to 65535").default("8081"),
        Variable::new("ADMIN_BIND", IP_ADDRESS).default("127.0.0.1"),
        Variable::new("ADMIN_PUBLIC", TRUE_OR_FALSE).default("false"),
        Variable::new("DEMO", TRUE_OR_FALSE).built_in(BuiltIn::ByEnvironment {
            development: "true",
            staging: "false",
            production: "false",
        }),
        Variable::new("SHUTDOWN_GRACE_MS", MILLISECONDS_OR_ZERO).default("5000").reloads(),
    ];

    fn disagreements(&self, _app_env: AppEnv) -> Vec<Disagreement> {
        let same_interface =
            self.bind == self.admin_bind || self.bind.is_unspecified() || self.admin_bind.is_unspecified();
        if self.admin_address().is_some() && self.admin_port == self.port && same_interface {
            return vec![Disagreement { name: "ADMIN_PORT", with: "PORT", expected: "another port than PORT" }];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{FirstStart, Layers, Settings};

    fn listen(values: &[(&str, &str)]) -> Result<super::ListenSettings, String> {
        let read = Settings::read(&Layers::of(values.iter().copied()), FirstStart::TouchNothing);
        read.map(|settings| settings.listen).map_err(|problems| problems.to_string())
    }

    #[test]
    fn two_listeners_cannot_share_an_address() {
        let problem = r#"ADMIN_PORT: expected another port than PORT, found "9000" (environment)"#;

        assert_eq!(listen(&[("PORT", "9000"), ("ADMIN_PORT", "9000")]).unwrap_err(), problem);
        assert!(listen(&[("PORT", "9000"), ("ADMIN_PORT", "9000"), ("ADMIN_BIND", "127.0.0.2")]).is_ok());
    }

    #[test]
    fn admin_port_0_means_no_second_listener() {
        assert_eq!(listen(&[("ADMIN_PORT", "0"), ("PORT", "0")]).unwrap().admin_address(), None);
    }

    #[test]
    fn operators_on_this_machine_find_a_listener() {
        let url = |values: &[(&str, &str)]| listen(values).unwrap().operators_url();

        assert_eq!(url(&[]), "http://127.0.0.1:8081");
        assert_eq!(url(&[("ADMIN_BIND", "0.0.0.0"), ("ADMIN_PORT", "9000")]), "http://127.0.0.1:9000");
        assert_eq!(url(&[("BIND", "::"), ("ADMIN_PORT", "0")]), "http://[::1]:8080");
    }
}
