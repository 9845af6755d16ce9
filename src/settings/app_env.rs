//! The environment the service runs in, on which some defaults depend.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::variable::Variable;

const EXPECTED: &str = "development, staging or production";

pub(super) const APP_ENV: Variable = Variable::new("APP_ENV", EXPECTED);
pub(super) const NODE_ENV: Variable = Variable::new("NODE_ENV", EXPECTED);
pub(super) const CONFIG_FILE: Variable = Variable::new("CONFIG_FILE", "the path of a file of NAME=value lines");

/// The variables that choose which files are read.
pub(super) const SELECTORS: &[Variable] = &[APP_ENV, NODE_ENV, CONFIG_FILE];

/// Where this process runs: a laptop, a rehearsal, or for real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEnv {
    /// Works without any setting: secrets are made, games are open, logs are for people.
    Development,
    /// As production, with the Redis tier on.
    Staging,
    /// Secrets and the store must be named.
    Production,
}

impl AppEnv {
    /// Returns the name as `APP_ENV` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for AppEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for AppEnv {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The name is none of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {EXPECTED}")]
pub struct UnknownAppEnv;

impl FromStr for AppEnv {
    type Err = UnknownAppEnv;

    fn from_str(name: &str) -> Result<Self, UnknownAppEnv> {
        [Self::Development, Self::Staging, Self::Production]
            .into_iter()
            .find(|app_env| app_env.name() == name)
            .ok_or(UnknownAppEnv)
    }
}
