//! Real servers for tests, and what may happen to one.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::LazyLock,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::store::services::{Given, Kind, Service};

/// A server as the service would have one.
pub(super) struct Server {
    service: Service,
    pub(super) url: String,
}

impl Server {
    /// The one that most tests share: `SESSION_REDIS_URL`'s, where that names one.
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<Server> = LazyLock::new(|| Server::start(Given::Used));
        &SHARED
    }

    /// One to be ill-treated.
    pub(super) fn of_ones_own() -> Self {
        Self::start(Given::Ignored)
    }

    fn start(given: Given) -> Self {
        let service = Service::start(Kind::Redis, given);
        Self { url: service.url.clone(), service }
    }

    /// Ends the server at once, as a failing machine does.
    pub(super) fn kill(&self) {
        self.service.suffer("kill");
    }

    /// Starts it again, empty.
    pub(super) fn restart(&self) {
        self.service.restart();
    }

    /// Freezes it, connections and all.
    pub(super) fn pause(&self) {
        self.service.suffer("pause");
    }

    pub(super) fn resume(&self) {
        self.service.suffer("resume");
    }
}

/// A cluster of three masters.
pub(super) struct Cluster {
    servers: Background,
    pub(super) urls: Vec<String>,
}

impl Cluster {
    pub(super) fn start() -> Self {
        let ports = free_ports(6);
        let (ports, buses) = ports.split_at(3);
        let starts = ports.iter().zip(buses).enumerate().map(|(number, (port, bus))| {
            format!("serve {number} {port} --port {port} --cluster-enabled yes --cluster-port {bus}")
        });
        let addresses: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let waits = ports
            .iter()
            .map(|port| format!("until redis-cli -p {port} cluster info | grep -q state:ok; do sleep 0.05; done"));
        let create = format!("redis-cli --cluster create {} --cluster-yes > create.log", addresses.join(" "));
        let script: Vec<_> = starts.chain([create]).chain(waits).collect();
        let urls = addresses.iter().map(|address| format!("redis://{address}")).collect();
        Self { servers: Background::start(TempDir::new().unwrap(), &script.join("\n")), urls }
    }

    /// Freezes one of the masters.
    pub(super) fn pause_one(&self) {
        kill_process(process(&self.servers.folder.path().join("0")), Signal::STOP).unwrap();
    }
}

/// A server that speaks TLS alone, with a certificate that its own folder vouches for.
pub(super) struct TlsServer {
    servers: Background,
    pub(super) url: String,
}

impl TlsServer {
    pub(super) fn start() -> Self {
        let port = free_ports(1)[0];
        let script = format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=redis -keyout key.pem -out cert.pem \
             -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE 2> openssl.log
             serve 0 {port} --port 0 --tls-port {port} --tls-auth-clients no --tls-cert-file ../cert.pem \
             --tls-key-file ../key.pem --tls-ca-cert-file ../cert.pem"
        );
        let servers = Background::start(TempDir::new().unwrap(), &script);
        Self { servers, url: format!("rediss://127.0.0.1:{port}") }
    }

    /// The certificate to trust.
    pub(super) fn certificate(&self) -> std::path::PathBuf {
        self.servers.folder.path().join("cert.pem")
    }
}

/// Servers that a script starts in a folder. They end with this process, however it ends.
struct Background {
    folder: TempDir,
    shell: Child,
    /// The script's servers end when this does.
    held: Option<ChildStdin>,
}

/// `serve <folder> <port> <options>` starts a server and waits until it listens.
const SERVE: &str = r#"set -e
serve() {
    local folder=$1 port=$2; shift 2; mkdir "$folder"
    (cd "$folder"; exec redis-server --bind 127.0.0.1 --save "" --appendonly no --pidfile "$PWD/redis.pid" \
        --daemonize no --logfile redis.log "$@" < /dev/null > /dev/null) &
    until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do kill -0 $!; sleep 0.05; done
}
"#;

impl Background {
    fn start(folder: TempDir, script: &str) -> Self {
        let script = format!("{SERVE}{script}\necho ready\nread -r || kill -KILL $(jobs -p)");
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(&script).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{script}");
        let held = shell.stdin.take();
        Self { folder, shell, held }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.held.take());
        self.shell.wait().unwrap();
    }
}

fn process(folder: &Path) -> Pid {
    let pid = fs::read_to_string(folder.join("redis.pid")).unwrap();
    Pid::from_raw(pid.trim().parse().unwrap()).unwrap()
}

/// Ports that nobody uses, a moment ago.
pub(super) fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}
