//! `rejoin health`: whether a server answers, for whoever starts it again where it does not.

use std::time::Duration;

use clap::Args;

use crate::client::{ClientError, Http};

/// Ask a server whether it lives. Exits with 1 where it does not answer within 2 s.
///
/// Without a URL the settings in force say where it listens.
#[derive(Debug, Clone, Args)]
pub struct HealthOptions {
    /// One of the server's listeners
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Ask whether it can do its work too: not while it drains, or without its store
    #[arg(long)]
    pub ready: bool,
}

/// Asks, and returns what the server says. `here` counts where the options name no server.
///
/// # Errors
/// `Unreachable`: no answer in time. `HttpRefused`: it says that it is not well.
pub async fn run(options: &HealthOptions, here: &str) -> Result<String, ClientError> {
    let path = if options.ready { "/readyz" } else { "/healthz" };
    let url = format!("{}{path}", options.url.as_deref().unwrap_or(here).trim_end_matches('/'));
    let asked = url.clone();
    Http::new(PATIENCE).call(&url, move |agent| agent.get(&asked).call()).await?.success(path)
}

/// Below the patience of who asks: Docker waits for 5 s.
const PATIENCE: Duration = Duration::from_secs(2);
