//! A server process in a folder of its own, and what can be done to it from outside.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use rejoin::client::Dial;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{SOON, access_token, tokens::ACCESS_SECRET, until};

/// What backends call the servers of the tests with.
pub const API_TOKEN: &str = "the API token that the tests call with";
/// The file of [`Server::with_file`].
const FILE: &str = "own.env";
const SESSION_SECRET: &str = "the session token secret of the tests";

/// A server that is ended when this is dropped.
pub struct Server {
    child: Child,
    port: u16,
    settings: Vec<(String, String)>,
    folder: TempDir,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server with the settings of development, on a fresh store.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a server with these settings besides, on a fresh store.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::begin(settings, tempfile::tempdir().unwrap()).await
    }

    /// Starts a server with these settings besides, and with those of a file, which may change: see [`Self::reload`].
    /// A setting that is empty here leaves it to the file.
    pub async fn with_file(file: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), file).unwrap();
        Self::begin(&[&[("CONFIG_FILE", FILE)], settings].concat(), folder).await
    }

    async fn begin(settings: &[(&str, &str)], folder: TempDir) -> Self {
        let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (port, log) = (free_port(), Arc::default());
        let child = launch(&folder, port, &settings, &log);
        let mut server = Self { child, port, settings, folder, log };
        server.up().await;
        server
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A dial of this game with a good access token of this user.
    pub fn dial(&self, game_id: &str, user_id: &str) -> Dial {
        Dial::new(self.url(), game_id).with_access_token(access_token(user_id))
    }

    /// Ends it as a crash does: at once, with nothing tidied up.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to go (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Writes another file, has the server read it (SIGHUP), and waits until it says that it did. Returns what it wrote
    /// meanwhile.
    pub async fn reload(&self, file: &str) -> Vec<String> {
        fs::write(self.folder.path().join(FILE), file).unwrap();
        let before = self.log().len();
        self.signal(Signal::HUP);
        let is_last = |line: &String| line.contains("Read the settings again") || line.contains("Nothing was changed");
        until("the file to be read", SOON, || self.log()[before..].iter().any(is_last)).await;
        self.log().split_off(before)
    }

    /// Stops it in its tracks; nothing is closed.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it run on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it has gone by itself, and returns with what status.
    pub async fn gone(&mut self, within: Duration) -> ExitStatus {
        let mut status = None;
        until("the end of the process", within, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.expect("the wait ended with it")
    }

    /// Starts it again where it was: same store, same port.
    pub async fn restart(&mut self) {
        self.child = launch(&self.folder, self.port, &self.settings, &self.log);
        self.up().await;
    }

    /// Kills it and starts it again.
    pub async fn crash(&mut self) {
        self.kill();
        self.restart().await;
    }

    /// Physical memory it holds, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// What it has written so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// Sockets it has open, of any kind.
    pub fn open_sockets(&self) -> usize {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        // One may be closed while we look.
        let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    async fn up(&mut self) {
        let address = (Ipv4Addr::LOCALHOST, self.port);
        // It listens before its workers run: only an answer says that all of it, descriptors included, is there.
        until("the server to answer", SOON, || {
            assert_eq!(self.child.try_wait().unwrap(), None, "the server ended at its start");
            is_healthy(address)
        })
        .await;
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let last = &log[log.len().saturating_sub(30)..];
            eprintln!("the last the server wrote:\n{}", last.join("\n"));
        }
    }
}

fn launch(folder: &TempDir, port: u16, settings: &[(String, String)], log: &Arc<Mutex<Vec<String>>>) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rejoin"))
        .arg("serve")
        .current_dir(folder.path())
        .env_clear()
        .env("PORT", port.to_string())
        .env("ADMIN_PORT", "0")
        .env("API_TOKEN", API_TOKEN)
        .env("ACCESS_TOKEN_SECRET", ACCESS_SECRET)
        .env("SESSION_TOKEN_SECRET", SESSION_SECRET)
        .env("LOG_FORMAT", "json")
        .env("RUST_BACKTRACE", "1")
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    follow(child.stdout.take().unwrap(), log);
    follow(child.stderr.take().unwrap(), log);
    child
}

/// Keeps what the process writes; ends with it.
fn follow(pipe: impl Read + Send + 'static, log: &Arc<Mutex<Vec<String>>>) {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            log.lock().push(line);
        }
    });
}

/// A port that nobody listens on. Below those the kernel gives to outgoing connections, so that a server which is away
/// for a moment finds its own port free again.
fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 10_000;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let of_process = u16::try_from(std::process::id() % 97).expect("below 97") * 101;
    let candidates = std::iter::repeat_with(|| {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        FIRST + (of_process + taken) % COUNT
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.take(usize::from(COUNT)).find(is_free).expect("one of ten thousand ports is free")
}

/// Asks on a connection of its own, which leaves nothing open.
fn is_healthy(address: (Ipv4Addr, u16)) -> bool {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.lines().next().is_some_and(|status| status.contains(" 200 ")))
}
