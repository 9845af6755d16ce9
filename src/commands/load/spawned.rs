//! A server of the load's own: started, killed, started again, and gone with its folder when the load is done.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::LoadError;
use crate::client::Backend;

/// The server, and what opens it.
pub struct Spawned {
    child: Child,
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
    pub url: String,
    pub admin_url: String,
    pub api_token: String,
    pub access_secret: String,
}

impl Spawned {
    /// Starts the program that this is, with the settings of the environment and these over them, on free ports.
    ///
    /// # Errors
    /// `Spawn`: it does not start, or does not answer.
    pub async fn start(settings: &[(&'static str, String)]) -> Result<Self, LoadError> {
        let folder = std::env::temp_dir().join(format!("rejoin-load-{}", Uuid::new_v4().simple()));
        fs::create_dir_all(&folder).map_err(failed)?;
        let [port, admin_port] = free_ports().map_err(failed)?;
        let secret = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let (api_token, access_secret) = (secret(), secret());
        let mut all = vec![
            ("BIND", "127.0.0.1".to_owned()),
            ("PORT", port.to_string()),
            ("ADMIN_PORT", admin_port.to_string()),
            ("API_TOKEN", api_token.clone()),
            ("ACCESS_TOKEN_SECRET", access_secret.clone()),
            ("SESSION_TOKEN_SECRET", secret()),
            ("RUN_MIGRATIONS", "true".to_owned()),
        ];
        if std::env::var_os("DATABASE_URL").is_none() {
            all.push(("DATABASE_URL", format!("sqlite://{}", folder.join("rejoin.db").display())));
        }
        if std::env::var_os("LOG_LEVEL").is_none() {
            all.push(("LOG_LEVEL", "warn".to_owned()));
        }
        all.extend(settings.iter().cloned());
        let child = launch(&folder, &all).map_err(failed)?;
        let url = format!("http://127.0.0.1:{port}");
        let admin_url = format!("http://127.0.0.1:{admin_port}");
        let mut spawned = Self { child, folder, settings: all, url, admin_url, api_token, access_secret };
        spawned.up().await?;
        Ok(spawned)
    }

    /// Ends it as a crash does, and starts it again where it was.
    ///
    /// # Errors
    /// As [`Spawned::start`].
    pub async fn crash(&mut self) -> Result<(), LoadError> {
        self.end();
        self.child = launch(&self.folder, &self.settings).map_err(failed)?;
        self.up().await
    }

    async fn up(&mut self) -> Result<(), LoadError> {
        let asked = Backend::new(&self.url, &self.api_token);
        let give_up_at = Instant::now() + START_WITHIN;
        while asked.get("/readyz").await.is_err() {
            let ended = self.child.try_wait().map_err(failed)?.is_some();
            if ended || Instant::now() > give_up_at {
                return Err(LoadError::Spawn { reason: self.last_words() });
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn end(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn launch(folder: &std::path::Path, settings: &[(&'static str, String)]) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join(LOG))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").envs(settings.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log).spawn()
}

/// Two ports that nobody listens on. Below those that the kernel gives to outgoing connections, of which there will be
/// many: the server must find its own again after a crash.
fn free_ports() -> io::Result<[u16; 2]> {
    let first = 10_000 + u16::try_from(Uuid::new_v4().as_u64_pair().0 % 20_000).unwrap_or_default();
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let mut free = (first..first + 2_000).filter(is_free);
    match (free.next(), free.next()) {
        (Some(one), Some(other)) => Ok([one, other]),
        (_, None) | (None, Some(_)) => Err(io::Error::other("no free port")),
    }
}

fn failed(error: io::Error) -> LoadError {
    LoadError::Spawn { reason: error.to_string() }
}

const LOG: &str = "server.log";
const LAST_LINES: usize = 20;
const START_WITHIN: Duration = Duration::from_secs(20);
