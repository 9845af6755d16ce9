//! `rejoin top`: a running server on one screen, renewed each second.

mod frame;
mod look;
mod screen;

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use self::{frame::frame, look::Look, screen::Screen};
use crate::client::{Backend, ClientError};

/// Show a running server on one screen, renewed each second: shards, connections, rates, breakers, Redis.
///
/// `q` or Ctrl-C ends it. The API token comes from --token, else from the settings in force (API_TOKEN).
#[derive(Debug, Clone, Args)]
pub struct TopOptions {
    /// The server's listener for operators
    #[arg(long, default_value = "http://127.0.0.1:8081", value_name = "URL")]
    pub url: String,
    /// Opens the server's /admin
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Print what a second shows, once, and exit
    #[arg(long)]
    pub once: bool,
}

/// Shows the server until it is told to stop. A server that goes away meanwhile is waited for. `api_token` counts where
/// the options have none.
///
/// # Errors
/// `Unreachable`, `HttpRefused`, `Malformed`: the first look showed nothing.
pub async fn run(options: &TopOptions, api_token: &str) -> Result<(), ClientError> {
    let server = Backend::new(&options.url, options.token.as_deref().unwrap_or(api_token));
    let mut before = Look::at(&server).await?;
    if options.once {
        sleep(EVERY).await;
        println!("{}", frame(&options.url, &before, &Look::at(&server).await?));
        return Ok(());
    }
    let mut screen = Screen::open();
    let mut gone_since: Option<Instant> = None;
    while !screen.closed_within(EVERY).await {
        match Look::at(&server).await {
            Ok(now) => {
                screen.show(&frame(&options.url, &before, &now));
                (before, gone_since) = (now, None);
            }
            Err(error) => {
                let seconds = gone_since.get_or_insert_with(Instant::now).elapsed().as_secs();
                screen.show(&format!("{}\nno answer for {seconds} s: {error}", options.url));
            }
        }
    }
    Ok(())
}

/// Between two looks. Rates are taken over it.
const EVERY: Duration = Duration::from_secs(1);
