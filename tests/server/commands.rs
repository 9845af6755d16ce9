//! The commands for people on call, against a running server.

use std::{fs, process::Output};

use rejoin::client::Seat;
use tempfile::TempDir;

use crate::support::{API_TOKEN, Server, rejoin, soon};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// The line of a table that begins with this.
fn line<'a>(text: &'a str, begins: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.trim_start().starts_with(begins));
    line.unwrap_or_else(|| panic!("no `{begins}` in {text}")).split_whitespace().collect()
}

// --- top ----------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn top_shows_shards_connections_and_rates_once() {
    let server = Server::with(&[("ADMIN_PUBLIC", "true"), ("SHARDS", "2")]).await;
    let mut ann = Seat::new(server.dial("g", "ann"));
    ann.resume(soon()).await.unwrap();
    let playing = tokio::spawn(async move {
        for number in 0_u64.. {
            ann.play("move", "{}", &format!("m{number}"), soon()).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });

    let url = server.url();
    let top = tokio::task::spawn_blocking(move || rejoin(&["top", "--once", "--url", &url, "--token", API_TOKEN]));
    let top = top.await.unwrap();

    playing.abort();
    let page = text(&top);
    assert!(top.status.success(), "{page}");
    assert!(page.starts_with(&server.url()) && !page.contains('\u{1b}'), "{page}");
    assert_eq!(line(&page, "connections"), ["connections", "player", "1", "spectator", "0"]);
    let all = line(&page, "all");
    assert_eq!((all[1], *all.last().unwrap()), ("1", "1"), "one game, one connection: {page}");
    let rates = line(&page, "per second");
    let events = rates.iter().position(|word| *word == "events").map(|at| rates[at + 1].parse::<f64>().unwrap());
    assert!(events.is_some_and(|events| events > 1.0), "{page}");
    assert_eq!(line(&page, "breakers"), ["breakers", "redis", "closed", "store", "closed"]);
    assert_eq!(line(&page, "1")[0], "1", "the second shard has a line of its own: {page}");
}

#[tokio::test]
async fn top_without_the_token_says_so() {
    let server = Server::with(&[("ADMIN_PUBLIC", "true")]).await;

    let top = rejoin(&["top", "--once", "--url", &server.url(), "--token", "wrong"]);

    assert_eq!(top.status.code(), Some(1));
    assert!(text(&top).contains("HTTP 401"), "{}", text(&top));
}

// --- uat ----------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn uat_plays_every_scenario_and_reports_it() {
    let server = Server::start().await;
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("uat.md");

    let uat = rejoin(&["uat", "--url", &server.url(), "--report", report.to_str().unwrap()]);

    let told = String::from_utf8(uat.stdout.clone()).unwrap();
    let table = told.lines().skip(1).take_while(|line| !line.is_empty());
    let (passed, others): (Vec<_>, Vec<_>) = table.partition(|line| line.ends_with("  ok"));
    assert_eq!(passed.len() + others.len(), 11, "{told}");
    // A server without clocks is told from one whose clocks are wrong.
    assert!(others.iter().all(|line| line.contains("clock") && line.ends_with("not supported")), "{told}");
    assert_eq!(uat.status.code(), Some(i32::from(!others.is_empty())), "{told}");
    let page = fs::read_to_string(report).unwrap();
    assert_eq!(page.matches("| seen | timeControl: clocks are not served yet |").count(), others.len(), "{page}");
    assert!(page.starts_with(&format!("# Acceptance test of {}\n", server.url())), "{page}");
    assert_eq!(page.matches("| expected | ").count(), 11);
    assert_eq!(page.matches("| result | ok |").count(), passed.len());
}

#[tokio::test]
async fn uat_fails_where_the_server_does_not_do_what_is_expected() {
    let server = Server::with(&[("MAX_ITEM_BYTES", "16")]).await;
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("uat.md");

    let uat = rejoin(&["uat", "--url", &server.url(), "--report", report.to_str().unwrap()]);

    assert_eq!(uat.status.code(), Some(1));
    let page = fs::read_to_string(report).unwrap();
    assert!(page.contains("| 1 | a lost connection comes back to its seat | FAILED |"), "{page}");
    assert!(page.contains("| seen | refused with too_large"), "{page}");
    assert!(page.contains("| an invalid resume token is refused | ok |"), "what needs no move passes: {page}");
}

#[tokio::test]
async fn uat_writes_no_report_on_a_server_that_is_not_there() {
    let uat = rejoin(&["uat", "--url", "http://127.0.0.1:1"]);

    assert_eq!(uat.status.code(), Some(1));
    assert!(text(&uat).contains("cannot reach `http://127.0.0.1:1`"), "{}", text(&uat));
}

// --- gate ---------------------------------------------------------------------------------------------------------

#[test]
fn gate_without_prometheus_is_no_verdict() {
    let gate = rejoin(&["gate", "--prometheus", "http://ops:hush@127.0.0.1:1", "--for", "2s", "--every", "1s"]);

    assert_eq!(gate.status.code(), Some(2));
    assert!(text(&gate).contains("cannot reach `http://127.0.0.1:1`"), "{}", text(&gate));
    assert!(!text(&gate).contains("hush"));
}

#[tokio::test]
async fn gate_asks_a_prometheus_and_nothing_else() {
    let server = Server::start().await;

    let gate = rejoin(&["gate", "--prometheus", &server.url(), "--for", "2s", "--every", "1s"]);

    assert_eq!(gate.status.code(), Some(2));
    assert!(text(&gate).contains("answered with HTTP 404"), "{}", text(&gate));
}

#[test]
fn gate_with_a_report_that_cannot_be_kept_does_not_even_begin() {
    let line = ["gate", "--prometheus", "http://127.0.0.1:1", "--report", "/nowhere/gate.md"];
    let gate = rejoin(&line);

    assert_eq!(gate.status.code(), Some(2));
    assert!(text(&gate).contains("cannot write `/nowhere/gate.md`"), "{}", text(&gate));
}
