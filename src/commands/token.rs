//! `rejoin token`: an access token for development.

use std::time::Duration;

use clap::Args;

use crate::client::{AccessClaims, ClientError, Role, mint_access_token};

/// Print an access token for development, signed with the first ACCESS_TOKEN_SECRET in force.
#[derive(Debug, Clone, Args)]
pub struct TokenOptions {
    /// Who the holder is: 1 to 128 of A-Z a-z 0-9 . _ : ~ -
    #[arg(long)]
    pub user: String,
    /// The game the token opens; repeat it for more. Left out: the token names no game, and opens those that are open or
    /// name its user
    #[arg(long)]
    pub game: Vec<String>,
    /// Whether the holder plays or watches. Left out: plays
    #[arg(long, value_enum)]
    pub role: Option<Role>,
    /// How long the token is good for
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    pub ttl_seconds: u64,
}

/// Mints the token.
///
/// # Errors
/// `Mint`, as [`mint_access_token`].
pub fn run(options: &TokenOptions, access_secret: &str) -> Result<String, ClientError> {
    let claims = AccessClaims {
        user_id: options.user.clone(),
        games: (!options.game.is_empty()).then(|| options.game.clone()),
        role: options.role,
        lifetime: Duration::from_secs(options.ttl_seconds),
    };
    mint_access_token(&claims, access_secret)
}
