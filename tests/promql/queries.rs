//! Every query there is, and the Prometheus that must answer it.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    dashboards::{Dashboard, dashboards},
    prometheus::Prometheus,
    serve,
    support::{ACCESS_SECRET, API_TOKEN, Server},
};

/// How long it may take until each query has had an answer. Long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A query and who asks it.
struct Query {
    who: String,
    text: String,
}

impl Query {
    /// What is compared, of a query that ends in a comparison with a number: it has an answer, whether or not an alert
    /// has reason to fire.
    fn subject(&self) -> &str {
        let words: Vec<&str> = self.text.rsplitn(3, char::is_whitespace).collect();
        match words[..] {
            [bound, "<" | "<=" | ">" | ">=" | "==", subject] if bound.parse::<f64>().is_ok() => subject,
            _ => &self.text,
        }
    }
}

fn of_dashboards() -> impl Iterator<Item = Query> {
    dashboards().into_iter().flat_map(|dashboard: Dashboard| dashboard.queries()).map(|(who, text)| Query { who, text })
}

/// The blocks of `playbooks.txt`: comments, then a query.
fn of_playbooks() -> impl Iterator<Item = Query> {
    let text = fs::read_to_string("tests/promql/playbooks.txt").unwrap();
    let blocks: Vec<Query> = text
        .split("\n\n")
        .map(|block| {
            let (who, query): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with('#'));
            Query { who: who.join(" "), text: query.join("\n").trim().to_owned() }
        })
        .collect();
    // The first says what the file is.
    blocks.into_iter().skip(1)
}

fn of_rules(rules: &[Value]) -> impl Iterator<Item = Query> {
    rules.iter().map(|rule| {
        let [who, text] = ["name", "query"].map(|field| rule[field].as_str().unwrap().to_owned());
        Query { who, text }
    })
}

/// Plays the six games over and over, until it is dropped.
struct Load {
    child: Child,
    _folder: TempDir,
}

impl Load {
    fn on(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_rejoin"))
            .args(["smoke", "--rounds", "10000", "--timeout", "600", "--url", &server.url()])
            .current_dir(folder.path())
            .env_clear()
            .env("API_TOKEN", API_TOKEN)
            .env("ACCESS_TOKEN_SECRET", ACCESS_SECRET)
            .env("SESSION_TOKEN_SECRET", ACCESS_SECRET)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, _folder: folder }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

#[tokio::test]
async fn every_query_of_a_dashboard_an_alert_or_a_playbook_has_an_answer() {
    let server = serve().await;
    let prometheus = Prometheus::scraping(server.port()).await;
    let load = Load::on(&server);

    let rules = prometheus.rules();
    let mut waiting: Vec<Query> = of_dashboards().chain(of_playbooks()).chain(of_rules(&rules)).collect();
    let asked = waiting.len();
    assert!(asked > 150, "only {asked} queries were found");
    let deadline = Instant::now() + PATIENCE;
    while !waiting.is_empty() && Instant::now() < deadline {
        // So that the tiers behind memory are asked too, and a call is refused.
        server.call("POST", "/admin/cache/flush", &serde_json::json!({})).expect(204);
        server.call_with("GET", "/v1/games/nobody", "", &[]).expect(401);
        sleep(Duration::from_secs(1)).await;
        waiting.retain(|query| prometheus.ask(query.subject()).is_empty());
    }
    drop(load);

    let silent: Vec<String> = waiting.iter().map(|query| format!("{}\n    {}", query.who, query.text)).collect();
    assert!(silent.is_empty(), "{} of {asked} found nothing:\n{}", silent.len(), silent.join("\n"));
    for rule in prometheus.rules() {
        assert_eq!((&rule["health"], &rule["lastError"]), (&"ok".into(), &Value::Null), "{rule}");
    }
}

#[test]
fn a_comparison_is_cut_off_and_nothing_else_is() {
    let subject = |text: &str| Query { who: String::new(), text: text.to_owned() }.subject().to_owned();

    assert_eq!(subject("a / b\n> 0.05"), "a / b");
    assert_eq!(subject("up{job=\"x\"} == 0"), "up{job=\"x\"}");
    assert_eq!(subject("rate(a[5m]) * 100"), "rate(a[5m]) * 100");
    assert_eq!(subject("a"), "a");
}

#[test]
fn every_query_of_the_playbooks_says_where_it_comes_from() {
    for Query { who, text } in of_playbooks() {
        assert!(who.contains("playbook") || who.contains("plan") || who.contains("guide") || who.contains("runbook"));
        assert!(!text.is_empty(), "{who} asks nothing");
    }
}

#[test]
fn the_panels_of_the_cache_playbook_ask_what_is_written_there() {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let asked: Vec<String> = of_dashboards()
        .filter(|query| query.who.starts_with("game-session-cache.json"))
        .map(|query| one_line(&query.text))
        .collect();

    let written: Vec<Query> =
        of_playbooks().filter(|query| query.who.contains("Cache observability playbook, 2")).collect();

    assert_eq!(written.len(), 6);
    for Query { who, text } in written {
        assert!(asked.contains(&one_line(&text)), "no panel asks {who}");
    }
}
