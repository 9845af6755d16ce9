//! TLS. Whom to trust is the machine's to say, in files or by `SSL_CERT_FILE`, which the whole process takes up: hence
//! a test that runs a process of its own.

use std::{env, process::Command};

use super::{server::TlsServer, *};

/// What the process started below is told.
const URL: &str = "REJOIN_TEST_REDISS_URL";

/// One with a single connection. Ciphers that were built to be debugged take their time, and many at once take more
/// than one has to connect.
fn at(url: &str) -> Node {
    let all = options(Place::Single(url.to_owned()), "n");
    let few = OpenOptions { timeout: Duration::from_secs(3), pool_min: 0, pool_max: 1, ..all };
    Node::open(&few, &Handle::current()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_spoken_to_in_secret_where_its_certificate_is_trusted() {
    let server = spawn_blocking(TlsServer::start).await.unwrap();
    let mut trusting = Command::new(env::current_exe().unwrap());
    trusting.args(["--exact", "--ignored", "store::redis::tests::tls::a_trusted_server_answers"]);
    trusting.env(URL, &server.url).env("SSL_CERT_FILE", server.certificate());
    let output = spawn_blocking(move || trusting.output()).await.unwrap().unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    let distrusting = at(&server.url);
    until(async || {
        let answer = distrusting.tier.game_of_session(SessionId::generate()).await.unwrap_err();
        matches!(answer, RedisError::Unavailable(why) if why.contains("certificate"))
    })
    .await;
    spawn_blocking(move || drop(server)).await.unwrap();
}

#[tokio::test]
#[ignore = "part of the test above, which trusts its server"]
async fn a_trusted_server_answers() {
    let Ok(url) = env::var(URL) else { return };
    let game = Game::named("g");
    let node = at(&url);
    until(async || node.tier.is_connected()).await;
    let other = at(&url);
    until(async || other.tier.is_connected()).await;
    let mut changes = other.tier.changes();

    node.append(&game, 1..=2).await;

    assert_eq!(node.numbers(&game).await, [1, 2]);
    telling::tell_until_heard(&node, &mut changes).await;
}
