//! `rejoin gate` as a rollout has it: a real Prometheus that scrapes a real server, with a real Redis to fail.

#[path = "faults/services.rs"]
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod services;
#[path = "server/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the server use the rest of it")]
mod support;

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use services::{Service::Redis, Services};
use support::{SOON, Server, command::rejoin_command, until};

/// How many gates there are.
const GATES: usize = 9;

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_under_load_is_a_go() {
    let rollout = Rollout::begin().await;
    let _load = Load::on(&rollout.server);

    let gate = rollout.gate(&["--for", "20s"]).await;

    let said = String::from_utf8_lossy(&gate.stdout);
    assert_eq!(gate.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&gate.stderr));
    assert!(said.starts_with("GO: 9 gates held for 20s\n"), "{said}");
    let page = rollout.page();
    assert_eq!(page.matches(" | holds |").count(), GATES, "{page}");
    let plots = plots(rollout.folder.path());
    assert_eq!(plots.len(), GATES);
    // What is measured at each step is drawn, and so is what each sample says.
    for name in ["gate-hit-rate.svg", "gate-resume-p95.svg", "gate-replay-backlog.svg", "gate-redis-connected.svg"] {
        let plot = &plots.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("no {name}")).1;
        assert!(plot.contains("<polyline "), "{name}: {plot}");
        assert!(page.contains(&format!("({name})")), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stalls_is_a_no_go_that_names_it_and_when() {
    let rollout = Rollout::begin().await;
    let _load = Load::on(&rollout.server);

    let gate = rollout.gate(&["--for", "20s"]);
    let stall = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        rollout.services.pause(Redis);
    };
    let (gate, ()) = tokio::join!(gate, stall);

    let said = String::from_utf8_lossy(&gate.stdout);
    assert_eq!(gate.status.code(), Some(1), "{said}");
    assert!(said.starts_with("NO-GO after 20s\n"), "{said}");
    for name in ["Redis connected", "Redis breaker opened", "Redis warnings"] {
        let line = said.lines().find(|line| line.trim_start().starts_with(&format!("{name}: ")));
        assert!(line.is_some_and(|line| line.contains("; failed from 20")), "{name}: {said}");
    }
    assert!(!said.contains("replay backlog"), "what has nothing to do with Redis holds: {said}");
    assert!(rollout.page().contains("| Redis connected | always | no | 20"), "{}", rollout.page());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_uses_is_a_no_go_unless_that_is_allowed() {
    let rollout = Rollout::begin().await;

    let (refused, allowed) = tokio::join!(
        rollout.gate(&["--for", "10s"]),
        rollout.gate_to("allowed.md", &["--for", "10s", "--allow-no-data"])
    );

    let said = String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("\n  hit rate: no data\n  resume p95: no data\n"), "{said}");
    let said = String::from_utf8_lossy(&allowed.stdout);
    assert_eq!(allowed.status.code(), Some(0), "{said}");
    assert!(said.starts_with("GO: 7 gates held for 10s\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_is_a_no_go() {
    let mut rollout = Rollout::begin().await;

    rollout.server.kill();
    let gate = rollout.gate(&["--for", "5s", "--allow-no-data"]).await;

    let said = String::from_utf8_lossy(&gate.stdout);
    assert_eq!(gate.status.code(), Some(1), "{said}");
    assert!(said.contains("\n  service up: always, was no at 20"), "{said}");
}

/// A server with a Redis, a Prometheus that scrapes it each second, and a place for reports.
struct Rollout {
    server: Server,
    services: Services,
    prometheus: Prometheus,
    folder: TempDir,
}

impl Rollout {
    /// Waits until the server is scraped.
    async fn begin() -> Self {
        let services = Services::start(&[Redis]);
        let settings = [
            (Redis.variable(), services.url(Redis)),
            ("SESSION_REDIS_READTHROUGH_ENABLED", "true"),
            ("WS_RATE_PER_SECOND", "1000"),
        ];
        let server = Server::with(&settings).await;
        let ready = || server.call("GET", "/readyz", &Value::Null).json()["checks"]["redis"] == "ok";
        until("Redis to be found", SOON, ready).await;
        let folder = TempDir::new().unwrap();
        let prometheus = Prometheus::start(folder.path(), server.port());
        until("the server to be scraped", SOON * 3, || prometheus.has("redis_connected == 1")).await;
        Self { server, services, prometheus, folder }
    }

    async fn gate(&self, arguments: &[&str]) -> Output {
        self.gate_to("gate.md", arguments).await
    }

    /// Runs the gate to its end, with its report in the folder.
    async fn gate_to(&self, report: &str, arguments: &[&str]) -> Output {
        let fixed = ["gate", "--every", "1s", "--report", report, "--prometheus", &self.prometheus.url];
        let mut command = rejoin_command(&[fixed.as_slice(), arguments].concat());
        command.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn page(&self) -> String {
        fs::read_to_string(self.folder.path().join("gate.md")).unwrap()
    }
}

/// The plots in a folder, by name.
fn plots(folder: &Path) -> Vec<(String, String)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let plots = files.filter(|path| path.extension().is_some_and(|extension| extension == "svg"));
    plots
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// A Prometheus of the distribution, ended when this is dropped.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    fn start(folder: &Path, scraped: u16) -> Self {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: rejoin\n    \
             static_configs: [{{targets: [\"127.0.0.1:{scraped}\"]}}]\n"
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .current_dir(folder)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .spawn()
            .expect("Prometheus is installed: scripts/prepare does that");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    /// Whether a query has an answer.
    fn has(&self, query: &str) -> bool {
        let answer = ureq::get(format!("{}/api/v1/query", self.url)).query("query", query).call();
        let text = answer.ok().and_then(|mut answer| answer.body_mut().read_to_string().ok());
        let answer: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        answer["data"]["result"].as_array().is_some_and(|result| !result.is_empty())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

/// Games that are played again and again until this is dropped.
struct Load(Child);

impl Load {
    fn on(server: &Server) -> Self {
        // What becomes of the games is not what is tested here.
        let mut smoke = rejoin_command(&["smoke", "--games", "2", "--rounds", "1000", "--timeout", "300", "--url"]);
        Self(smoke.arg(server.url()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}
