//! A server in a process of its own: started on a free port, logged into a folder, ended whatever happens.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

/// A running server. Ends with this value, and with this process, however that ends.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; `name` is that of its log in `folder`.
    ///
    /// # Errors
    /// There is no such program.
    pub fn start(name: &str, folder: &Path, program: &Path, set_up: impl FnOnce(&mut Command)) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        // `setpriv` has the kernel kill the server where we are killed and cannot.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        set_up(&mut command);
        Ok(Self { child: command.spawn()?, log })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it listens there.
    ///
    /// # Errors
    /// It ended, or takes too long: its last words.
    pub async fn listens(&mut self, address: SocketAddr) -> Result<(), String> {
        let give_up_at = Instant::now() + START_WITHIN;
        while TcpStream::connect(address).await.is_err() {
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || Instant::now() > give_up_at {
                return Err(self.last_words());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join(" / ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on, below those that the kernel gives to outgoing connections.
pub fn free_address() -> SocketAddr {
    let first = 10_000 + u16::try_from(uuid::Uuid::new_v4().as_u64_pair().0 % 20_000).expect("less than 20,000");
    let free = (first..first + 2_000).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    free.into_iter().find(|address| TcpListener::bind(address).is_ok()).expect("one of 2,000 ports is free")
}

/// Runs a command to its end and returns what it prints.
///
/// # Errors
/// There is none such, or it fails: its last words.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(lines[lines.len().saturating_sub(LAST_LINES)..].join(" / "))
}

const START_WITHIN: Duration = Duration::from_secs(30);
const LAST_LINES: usize = 2;
