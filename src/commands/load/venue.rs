//! Where a run takes place: the server, what opens it, and what all players share.

use std::{sync::Arc, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::Instant;
use uuid::Uuid;

use super::{LoadError, options::Common, spawned::Spawned, tally::Tally, terms::Run};
use crate::client::{AccessClaims, Backend, ClientError, Dial, mint_access_token};

/// The server, as a run sees it.
pub struct Venue {
    pub url: String,
    pub backend: Backend,
    pub operator: Backend,
    pub run: Arc<Run>,
    pub ramp: u32,
    pub keep: bool,
    /// Begins the name of every game of this run.
    pub prefix: String,
    access_secret: String,
    spawned: Option<Spawned>,
}

impl Venue {
    /// Finds the server, or starts one, and sees that so many connections are possible.
    ///
    /// # Errors
    /// `Remote`, `Files`: nothing was asked of anybody. `NotThere`, `Spawn`: no server.
    pub async fn open(
        common: &Common,
        connections: u32,
        settings: &[(&'static str, String)],
        (access_secret, api_token): (&str, &str),
    ) -> Result<Self, LoadError> {
        if !common.spawn && !common.allow_remote && !is_loopback(&common.url) {
            return Err(LoadError::Remote { url: common.url.clone() });
        }
        allow_files(connections, common.spawn)?;
        let spawned = if common.spawn {
            let lifted = (connections + SPARE).to_string();
            let mut all = vec![
                ("MAX_CONNECTIONS", lifted.clone()),
                ("MAX_CONNECTIONS_PER_IP", lifted),
                ("WS_RATE_PER_SECOND", "1000000".to_owned()),
                ("WS_RATE_BURST", "1000000".to_owned()),
            ];
            all.extend(settings.iter().cloned());
            Some(Spawned::start(&all).await?)
        } else {
            None
        };
        let (url, admin_url, api_token, access_secret) = match &spawned {
            Some(spawned) => (&spawned.url, &spawned.admin_url, spawned.api_token.as_str(), &*spawned.access_secret),
            None => (&common.url, &common.admin_url, api_token, access_secret),
        };
        let id = Uuid::new_v4().simple().to_string().split_off(ID_SKIPPED);
        let venue = Self {
            url: url.clone(),
            backend: Backend::new(url, api_token),
            operator: Backend::new(admin_url, api_token),
            run: Arc::new(Run { tally: Tally::default(), began: Instant::now() }),
            ramp: common.ramp,
            keep: common.keep,
            prefix: format!("load-{id}"),
            access_secret: access_secret.to_owned(),
            spawned,
        };
        match venue.backend.game(&venue.prefix).await {
            Ok(_) | Err(ClientError::HttpRefused { status: 404, .. }) => Ok(venue),
            Err(error) => Err(LoadError::NotThere(error)),
        }
    }

    pub fn tally(&self) -> &Tally {
        &self.run.tally
    }

    /// A dial with an access token for this game alone.
    ///
    /// # Errors
    /// `Mint`.
    pub fn dial(&self, game_id: &str, user_id: &str) -> Result<Dial, LoadError> {
        let claims = AccessClaims {
            user_id: user_id.to_owned(),
            games: Some(vec![game_id.to_owned()]),
            role: None,
            lifetime: TOKEN_LIFETIME,
        };
        let token = mint_access_token(&claims, &self.access_secret)?;
        Ok(Dial { patience: PATIENCE, ..Dial::new(&self.url, game_id) }.with_access_token(token))
    }

    /// Kills the server and starts it again.
    ///
    /// # Errors
    /// `NotOurs`: it was not started by this run. Otherwise as [`Spawned::start`].
    pub async fn crash(&mut self) -> Result<(), LoadError> {
        self.spawned.as_mut().ok_or(LoadError::NotOurs)?.crash().await
    }
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Raises the limit of open files as far as needed; a server of our own inherits it, and takes two for each connection.
fn allow_files(connections: u32, spawn: bool) -> Result<(), LoadError> {
    let needed = u64::from(connections) * if spawn { 2 } else { 1 } + u64::from(SPARE);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if is_enough(current) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(needed), maximum: maximum.map(|maximum| maximum.max(needed)) };
    let within = Rlimit { current: Some(needed), maximum };
    let wanted = if is_enough(maximum) { within } else { raised };
    setrlimit(Resource::Nofile, wanted)
        .map_err(|_| LoadError::Files { needed, allowed: maximum.or(current).unwrap_or_default() })
}

/// Descriptors for all that is no player's connection; connections for those that are about to end.
const SPARE: u32 = 500;
/// Leaves eight of the 32 digits, enough to tell runs apart.
const ID_SKIPPED: usize = 24;
/// Longer than any run.
const TOKEN_LIFETIME: Duration = Duration::from_secs(26 * 60 * 60);
/// A storm of thousands may take that long, and that is what is to be measured.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loaded_unasked() {
        for url in ["http://127.0.0.1:8080", "http://localhost:1/", "ws://[::1]:8080", "http://127.9.9.9"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in
            ["http://10.0.0.1:8080", "http://example.com", "http://localhost.example.com:80", "http://[fd00::1]:1"]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn a_limit_of_files_that_does_not_suffice_is_told() {
        let most = getrlimit(Resource::Nofile).maximum;
        // Root may raise any limit; the kernel's own bound is the last word then.
        let Err(error) = allow_files(u32::MAX, false) else { panic!("{most:?} is enough for anything") };

        assert!(error.to_string().contains("ulimit -n"), "{error}");
    }
}
