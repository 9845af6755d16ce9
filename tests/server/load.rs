//! `rejoin load`, small, against real servers: its numbers are true, and what is amiss fails the run.

use std::{fs, process::Output};

use rejoin::client::Backend;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{ANY_RATE, API_TOKEN, Server, command::rejoin_command, rejoin};

/// Runs it beside what the test's server does, and returns its JSON, its table and its exit status.
async fn load(line: &[&str]) -> (Value, String, Option<i32>) {
    let line: Vec<String> = ["load"].iter().chain(line).chain(&["--json", "-"]).map(|&word| word.to_owned()).collect();
    let output = tokio::task::spawn_blocking(move || {
        let folder = TempDir::new().unwrap();
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        rejoin_command(&line).current_dir(folder.path()).output().unwrap()
    });
    let output: Output = output.await.unwrap();
    let table = String::from_utf8(output.stderr).unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {table}"));
    (json, table, output.status.code())
}

/// What it says where it does not even begin.
fn refused(line: &[&str]) -> String {
    let line: Vec<&str> = ["load"].iter().chain(line).copied().collect();
    let output = rejoin(&line);
    assert_eq!(output.status.code(), Some(2), "{line:?}");
    String::from_utf8(output.stderr).unwrap()
}

// --- play ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn play_confirms_as_many_moves_as_the_heads_of_its_games_say() {
    let server = Server::with(&ANY_RATE).await;
    let line = ["play", "--url", &server.url(), "--games", "3", "--players", "3", "--moves", "25", "--keep"];

    let (json, table, status) = load(&line).await;

    assert_eq!((status, &json["passed"]), (Some(0), &json!(true)), "{table}");
    let counts = &json["counts"];
    assert_eq!((&counts["sent"], &counts["confirmed"], &counts["delivered"]), (&json!(75), &json!(75), &json!(150)));
    assert_eq!((&json["headSequences"], &json["online"]), (&json!(75), &json!(9)));
    assert_eq!(json["latencyMs"]["confirmation"]["count"], 75);
    let backend = Backend::new(&server.url(), API_TOKEN);
    for number in 0..3 {
        let game = backend.game(&format!("{}-g{number}", json["games"].as_str().unwrap())).await.unwrap();
        assert_eq!((&game["headSequence"], game["players"].as_array().unwrap().len()), (&json!(25), 3));
        // Each of them acknowledges every tenth event, at another one.
        assert!(game["floorSequence"].as_u64().is_some_and(|floor| (15..=20).contains(&floor)), "{game}");
    }
}

#[tokio::test]
async fn play_keeps_a_schedule_on_a_server_of_its_own_and_draws_it() {
    let folder = TempDir::new().unwrap();
    let page = folder.path().join("load.html");
    let line = ["play", "--spawn", "--games", "2", "--rate", "20", "--for", "2s", "--report", page.to_str().unwrap()];

    let (json, table, status) = load(&line).await;

    assert_eq!(status, Some(0), "{table}");
    // Each game's first move is due at once or 25 ms later, and none at the end. On a busy machine not all are played.
    let count = |what: &str| json["counts"][what].as_u64().unwrap();
    assert_eq!((&json["askedPerSecond"], count("confirmed") + count("unplayed")), (&json!(40.0), 80), "{table}");
    assert_eq!(json["latencyMs"]["confirmation"]["count"], 80, "{table}");
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<h1>rejoin load play: passed</h1>") && page.contains(">confirmed a second</text>"),
        "{page}"
    );
}

#[tokio::test]
async fn play_goes_on_beside_games_that_only_lie_in_memory() {
    let line = ["play", "--spawn", "--games", "2", "--moves", "5", "--resident", "60"];

    let (json, table, status) = load(&line).await;

    assert_eq!(
        (status, &json["counts"]["resident"], &json["headSequences"]),
        (Some(0), &json!(60), &json!(10)),
        "{table}"
    );
}

#[tokio::test]
async fn games_that_were_to_lie_in_memory_and_do_not_fail_the_run() {
    let server = Server::with(&[("MEMORY_BUDGET_BYTES", "65536"), ANY_RATE[0], ANY_RATE[1]]).await;
    let line = ["play", "--url", &server.url(), "--games", "1", "--moves", "2", "--resident", "300"];

    let (_, table, status) = load(&line).await;

    assert_eq!(status, Some(1), "{table}");
    assert!(table.contains("of 301 games are in memory, which MEMORY_BUDGET_BYTES bounds"), "{table}");
}

#[tokio::test]
async fn a_move_that_is_refused_for_good_fails_the_run() {
    let server = Server::with(&[("MAX_ITEM_BYTES", "64")]).await;
    let line = ["play", "--url", &server.url(), "--games", "1", "--payload", "100", "--for", "1s"];

    let (json, table, status) = load(&line).await;

    assert_eq!((status, &json["passed"], &json["refusals"]["too_large"]), (Some(1), &json!(false), &json!(1)));
    assert!(table.contains("FAILED: 2 faults\n") && table.contains("move 1 was sent and never confirmed"), "{table}");
}

// --- storm --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_storm_brings_everybody_back_from_where_their_games_are_left() {
    for (cold, from_store) in [("none", 0.0), ("memory", 3.0), ("all", 3.0)] {
        let line = ["storm", "--spawn", "--connections", "7", "--players", "3", "--tail", "300", "--cold", cold];
        // What is older than the retention is not in memory, whatever is left there.
        let tail = if cold == "none" { "20" } else { "300" };
        let line = line.map(|word| if word == "300" { tail } else { word });

        let (json, table, status) = load(&line).await;

        assert_eq!((status, &json["counts"]["resumed"]), (Some(0), &json!(7)), "{cold}: {table}");
        let tail: u64 = tail.parse().unwrap();
        assert_eq!((&json["counts"]["replayed"], &json["headSequences"]), (&json!(7 * tail), &json!(3 * tail)));
        // Whoever comes first has its game loaded; those who come meanwhile may wait for the same.
        let from = |source: &str| json["taken"]["resumesFrom"][source].as_f64().unwrap();
        assert!(from("store") >= from_store && from("store") <= from_store * 3.0, "{cold}: {table}");
        assert_eq!(from("memory") + from("store"), 7.0, "{cold}: {table}");
        assert_eq!(json["latencyMs"]["return"]["count"], 7, "{cold}: {table}");
    }
}

#[tokio::test]
async fn a_storm_at_a_rate_brings_them_back_one_after_the_other() {
    let line = ["storm", "--spawn", "--connections", "9", "--players", "3", "--tail", "20", "--rate", "10"];

    let (json, table, status) = load(&line).await;

    assert_eq!(
        (status, &json["counts"]["resumed"], &json["askedPerSecond"]),
        (Some(0), &json!(9), &json!(10.0)),
        "{table}"
    );
    // The last of nine comes eight intervals after the first.
    assert!(json["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.8), "{table}");
    assert_eq!(
        (&json["latencyMs"]["return"]["count"], &json["counts"]["replayed"]),
        (&json!(9), &json!(180)),
        "{table}"
    );
    assert!(json["resumeP99WithinMs"].is_number() && table.contains(" ms, p99 up to "), "{table}");
}

// --- idle, churn, mixed -------------------------------------------------------------------------------------------

#[tokio::test]
async fn idle_holds_its_connections_and_says_what_they_take() {
    let (json, table, status) = load(&["idle", "--spawn", "--connections", "30", "--for", "1s"]).await;

    assert_eq!((status, &json["online"], &json["counts"]["lost"]), (Some(0), &json!(30), &json!(0)), "{table}");
    assert!(json["bytesPerConnection"].is_number() && table.contains("a connection: "), "{table}");
}

#[tokio::test]
async fn away_takes_seats_that_nobody_comes_to_and_says_what_they_take() {
    let line = ["away", "--spawn", "--seats", "60", "--players", "3", "--events", "5", "--for", "1s"];

    let (json, table, status) = load(&line).await;

    // The first games, which are not measured, are twenty too.
    let counts = &json["counts"];
    assert_eq!((status, &counts["opened"], &counts["confirmed"]), (Some(0), &json!(120), &json!(200)), "{table}");
    assert!(json["bytesPerSeat"].is_number() && table.contains("a seat: "), "{table}");
    assert!(json["accountedBytesPerSeat"].as_f64().is_some_and(|bytes| bytes > 300.0), "{table}");
}

#[tokio::test]
async fn churn_sees_that_nobody_comes_back_with_a_session_that_is_over() {
    let (json, table, status) = load(&["churn", "--spawn", "--rate", "40", "--sessions", "12", "--ttl", "1s"]).await;

    assert_eq!(status, Some(0), "{table}");
    let counts = &json["counts"];
    assert_eq!((&counts["opened"], &counts["confirmed"]), (&json!(12), &json!(12)), "{table}");
    assert_eq!((&counts["revoked"], &counts["expired"]), (&json!(6), &json!(6)), "{table}");
}

#[tokio::test]
async fn mixed_loses_players_at_random_and_no_event() {
    let line = ["mixed", "--spawn", "--games", "5", "--think", "5ms", "--drop-every", "300ms", "--away", "100ms"];
    let more = ["--idle", "10", "--churn", "5", "--for", "2s"];

    let (json, table, status) = load(&[line.as_slice(), &more].concat()).await;

    assert_eq!((status, &json["passed"]), (Some(0), &json!(true)), "{table}");
    let count = |what: &str| json["counts"][what].as_u64().unwrap();
    assert!(count("cut") > 5 && count("resumed") >= count("cut") - 10 && count("revoked") > 0, "{table}");
    assert_eq!(Some(count("confirmed") - count("opened")), json["headSequences"].as_u64(), "{table}");
}

// --- refusals -----------------------------------------------------------------------------------------------------

#[test]
fn another_machine_is_not_loaded_by_accident() {
    let told = refused(&["play", "--url", "http://10.255.255.1:8080"]);

    assert!(told.contains("`http://10.255.255.1:8080` is not this machine: pass --allow-remote"), "{told}");
}

#[test]
fn what_is_out_of_bounds_is_named() {
    for (line, named) in [
        (vec!["play", "--games", "0"], "--games"),
        (vec!["play", "--for", "25h"], "--for"),
        (vec!["play", "--rate", "0"], "--rate"),
        (vec!["play", "--games", "20000", "--players", "4"], "80000 connections"),
        (vec!["idle", "--connections", "70000"], "--connections"),
        (vec!["storm", "--cold", "quite"], "--cold"),
        (vec!["storm", "--cold", "all"], "--spawn"),
        (vec!["storm", "--rate", "0"], "--rate"),
        (vec!["play", "--resident", "10000001"], "--resident"),
        (vec!["churn", "--ttl", "soon"], "--ttl"),
        (vec!["play", "--json", "/nowhere/load.json"], "/nowhere/load.json"),
    ] {
        let told = refused(&line);

        assert!(told.contains(named), "{line:?}: {told}");
    }
}

#[tokio::test]
async fn a_server_that_admits_no_more_from_one_address_is_told_by_its_setting() {
    let server = Server::with(&[("MAX_CONNECTIONS_PER_IP", "3")]).await;
    let url = server.url();

    let told = tokio::task::spawn_blocking(move || refused(&["idle", "--url", &url, "--connections", "10"]));

    let told = told.await.unwrap();
    assert!(told.contains("HTTP 429") && told.contains("raise MAX_CONNECTIONS_PER_IP"), "{told}");
}
