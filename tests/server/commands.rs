//! The commands for people on call, against a running server.

use std::process::Output;

use rejoin::client::Seat;

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
    assert_eq!(line(&page, "breakers"), ["breakers", "store", "closed"]);
    assert_eq!(line(&page, "1")[0], "1", "the second shard has a line of its own: {page}");
}

#[tokio::test]
async fn top_without_the_token_says_so() {
    let server = Server::with(&[("ADMIN_PUBLIC", "true")]).await;

    let top = rejoin(&["top", "--once", "--url", &server.url(), "--token", "wrong"]);

    assert_eq!(top.status.code(), Some(1));
    assert!(text(&top).contains("HTTP 401"), "{}", text(&top));
}
