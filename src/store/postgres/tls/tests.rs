//! Encrypted connections, to a server whose certificate says `localhost` and comes from an authority nobody knows.

use std::path::PathBuf;

use diesel_async::SimpleAsyncConnection;
use tokio::task::spawn_blocking;

use crate::store::postgres::{
    address::{Address, with_causes},
    dialer::dial,
    server::Server,
};

/// A server, and how to ask for it.
struct Asked {
    server: Server,
    /// At the address that its certificate does not name.
    by_address: String,
    by_name: String,
    authority: PathBuf,
    stranger: PathBuf,
}

impl Asked {
    async fn start() -> Self {
        let server = spawn_blocking(Server::with_tls).await.unwrap();
        let (by_address, by_name) = (server.url.clone(), server.url.replace("@127.0.0.1:", "@localhost:"));
        let folder = server.folder().join("tls");
        Self {
            server,
            by_address,
            by_name,
            authority: folder.join("authority.pem"),
            stranger: folder.join("server.pem"),
        }
    }

    async fn end(self) {
        spawn_blocking(move || drop(self.server)).await.unwrap();
    }
}

/// Connects and says whether the server finds the connection encrypted, or what kept it from being one.
async fn connect(url: &str, query: &str) -> Result<bool, String> {
    let address = Address::parse(&format!("{url}?{query}")).map_err(|error| error.to_string())?;
    let mut connection = dial(address).await.map_err(|error| with_causes(&*error))?;
    let encrypted = "do $$ begin assert (select ssl from pg_stat_ssl where pid = pg_backend_pid()); end $$";
    Ok(connection.batch_execute(encrypted).await.is_ok())
}

#[tokio::test]
async fn a_connection_is_encrypted_wherever_the_server_can_and_the_url_does_not_forbid_it() {
    let asked = Asked::start().await;
    let root = format!("sslrootcert={}", asked.authority.display());

    for (url, query, encrypted) in [
        (&asked.by_address, "sslmode=disable", false),
        (&asked.by_address, "", true),
        (&asked.by_address, "sslmode=prefer", true),
        (&asked.by_address, "sslmode=require", true),
        (&asked.by_address, &format!("sslmode=require&{root}"), true),
        (&asked.by_address, &format!("sslmode=verify-ca&{root}"), true),
        (&asked.by_name, &format!("sslmode=verify-full&{root}"), true),
    ] {
        assert_eq!(connect(url, query).await, Ok(encrypted), "{query}");
    }
    asked.end().await;
}

#[tokio::test]
async fn a_server_that_does_not_prove_who_it_is_gets_no_password() {
    let asked = Asked::start().await;
    let root = format!("sslrootcert={}", asked.authority.display());
    let stranger = format!("sslrootcert={}", asked.stranger.display());

    for (url, query) in [
        (&asked.by_address, format!("sslmode=verify-full&{root}")),
        (&asked.by_name, format!("sslmode=verify-full&{stranger}")),
        (&asked.by_name, format!("sslmode=verify-ca&{stranger}")),
        (&asked.by_name, format!("sslmode=require&{stranger}")),
        // Who the machine trusts does not know it.
        (&asked.by_name, "sslmode=verify-full".to_owned()),
        (&asked.by_name, "sslmode=verify-ca".to_owned()),
    ] {
        let refused = connect(url, &query).await.unwrap_err();
        assert!(refused.contains("certificate"), "{query}: {refused}");
    }
    asked.end().await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_the_url_requires_it() {
    let server = spawn_blocking(Server::of_ones_own).await.unwrap();

    let required = connect(&server.url, "sslmode=require").await;
    let preferred = connect(&server.url, "sslmode=prefer").await;

    assert!(required.as_ref().is_err_and(|refused| refused.contains("TLS")), "{required:?}");
    assert_eq!(preferred, Ok(false));
    spawn_blocking(move || drop(server)).await.unwrap();
}
