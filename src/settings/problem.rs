//! What is wrong with the settings, told so that an operator can put it right without seeing a secret.

use std::fmt;
use std::path::PathBuf;

use super::app_env::AppEnv;
use super::source::Origin;
use super::variable::{Exposure, Variable};

/// One thing that must be put right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value that is not what the variable needs.
    #[error("{name}: expected {expected}, found {found} ({origin})")]
    Unfit {
        /// The variable.
        name: &'static str,
        /// What a good value is.
        expected: &'static str,
        /// The value in quotes, or that it is not shown.
        found: String,
        /// Where the value was set.
        origin: Origin,
    },
    /// No value, where one is needed.
    #[error("{name}: expected {expected}, found nothing (required in {app_env})")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What a good value is.
        expected: &'static str,
        /// The environment that requires it.
        app_env: AppEnv,
    },
    /// A file that can't be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found, without any value.
        reason: String,
    },
}

impl Problem {
    pub(super) fn unfit(variable: &Variable, expected: &'static str, value: &str, origin: &Origin) -> Self {
        let found = match variable.exposure {
            Exposure::Plain => format!("{value:?}"),
            Exposure::Url | Exposure::Secret => "another value, not shown".to_owned(),
        };
        Self::Unfit { name: variable.name, expected, found, origin: origin.clone() }
    }
}

/// All that must be put right, never empty. Displayed as one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The exit status of a process whose settings are wrong: `EX_CONFIG` of sysexits.
    pub const EXIT_STATUS: u8 = 78;

    pub(super) fn among(problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// Returns each problem, in the order of the variables.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, problem) in self.0.iter().enumerate() {
            if line > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
