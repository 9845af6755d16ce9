//! What is logged, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::section::Section;
use super::variable::{BuiltIn, Variable};

/// The log's threshold and shape.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LoggingSettings {
    /// `LOG_LEVEL`, default info.
    #[serde(rename = "log_level")]
    pub level: LogLevel,
    /// `LOG_FORMAT`, default human in development, else json.
    #[serde(rename = "log_format")]
    pub format: LogFormat,
}

/// What is logged, from least to most; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed and needs somebody.
    Error,
    /// What went wrong and was dealt with.
    Warn,
    /// What happens, connection by connection.
    Info,
    /// What happens, step by step.
    Debug,
    /// Everything, our dependencies included.
    Trace,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people, in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

impl LogLevel {
    /// Every level there is, from least to most.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

impl Section for LoggingSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("LOG_LEVEL", "error, warn, info, debug or trace").default("info").reloads(),
        Variable::new("LOG_FORMAT", "human or json")
            .built_in(BuiltIn::ByEnvironment { development: "human", staging: "json", production: "json" })
            .reloads(),
    ];
}
