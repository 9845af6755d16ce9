//! What the settings say at the moment, and the keys that are made of them: replaced as a whole while requests are served.
//!
//! Who looks takes all of it along, so that one request is never judged by two versions.

use std::sync::Arc;

use parking_lot::RwLock;

use super::auth::ApiTokens;
use crate::{
    domain::{TokenKeys, access::AccessKeys},
    settings::Settings,
};

/// One version of the settings in force, and what is made of its secrets.
pub struct Live {
    pub settings: Arc<Settings>,
    pub api_tokens: ApiTokens,
    /// What players' access tokens are verified with, and signed where a game is our own.
    pub access: AccessKeys,
    /// What resume tokens are signed and opened with.
    pub tokens: TokenKeys,
}

impl Live {
    fn of(settings: Arc<Settings>) -> Arc<Self> {
        let secrets = &settings.auth;
        Arc::new(Self {
            api_tokens: ApiTokens::new(secrets.api_tokens.iter().map(|secret| secret.expose())),
            access: AccessKeys::new(secrets.access_token_secrets.iter().map(|secret| secret.expose())),
            tokens: TokenKeys::new(secrets.session_token_secrets.iter().map(|secret| secret.expose())),
            settings,
        })
    }
}

/// Where the version in force is found.
pub(super) struct InForce(RwLock<Arc<Live>>);

impl InForce {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self(RwLock::new(Live::of(settings)))
    }

    /// Held for as long as it takes to count one more holder.
    pub(super) fn get(&self) -> Arc<Live> {
        Arc::clone(&self.0.read())
    }

    pub(super) fn replace(&self, settings: Arc<Settings>) {
        let live = Live::of(settings);
        *self.0.write() = live;
    }
}
