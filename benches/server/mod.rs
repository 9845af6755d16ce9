//! A server of a bench's own: the program that was built with it, on a free port, in a folder of its own.
//!
//! On SQLite, unless the settings or the environment name another database.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rejoin::client::{AccessClaims, Backend, Dial, mint_access_token};
use tempfile::TempDir;
use tokio::time::sleep;

/// A server, which ends with this value.
pub struct Server {
    child: Child,
    pub url: String,
    pub backend: Backend,
    _folder: TempDir,
}

impl Server {
    /// Starts it with these settings over those of the environment, and waits until it answers.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rejoin"))
            .arg("serve")
            .current_dir(folder.path())
            .envs([("PORT", free.port().to_string().as_str()), ("ADMIN_PORT", "0"), ("LOG_LEVEL", "warn")])
            .envs([("API_TOKEN", API_TOKEN), ("ACCESS_TOKEN_SECRET", SECRET)])
            .envs([("WS_RATE_PER_SECOND", "1000000"), ("WS_RATE_BURST", "1000000")])
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        let url = format!("http://{free}");
        let backend = Backend::new(&url, API_TOKEN);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            while backend.make_game("first", &[], None).await.is_err() {
                let ended = child.try_wait().expect("it is our child");
                assert!(ended.is_none(), "the server ended: {ended:?}");
                sleep(Duration::from_millis(50)).await;
            }
        });
        Self { child, backend, url, _folder: folder }
    }

    /// A dial of a user who may join this game.
    pub fn dial(&self, game_id: &str, user_id: &str) -> Dial {
        let claims = AccessClaims {
            user_id: user_id.to_owned(),
            games: Some(vec![game_id.to_owned()]),
            role: None,
            lifetime: Duration::from_secs(600),
        };
        let token = mint_access_token(&claims, SECRET).expect("a token");
        Dial::new(&self.url, game_id).with_access_token(token)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const API_TOKEN: &str = "the API token of the benches and long enough";
const SECRET: &str = "the access token secret of the benches";
