//! Real servers for tests, started by `scripts/services`. They end with this process, however it ends.

use std::{
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::{
    address::Address,
    dialer::Dialer,
    migrate::{migrate, on_own_runtime},
};

/// A server in a folder of its own.
pub(super) struct Server {
    folder: PathBuf,
    tls: Tls,
    pub(super) url: String,
}

impl Server {
    /// The one that most tests share: `DATABASE_URL`'s, where that names one.
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<Server> = LazyLock::new(|| {
            let server = Server::start(Given::Used, Tls::Without);
            server.run_sql("", &format!("create database {}", template()));
            migrate(&server.url_of(&template())).unwrap();
            server
        });
        &SHARED
    }

    /// One to be ill-treated.
    pub(super) fn of_ones_own() -> Self {
        Self::start(Given::Ignored, Tls::Without)
    }

    /// One that offers TLS, by a certificate in its folder.
    pub(super) fn with_tls() -> Self {
        Self::start(Given::Ignored, Tls::With)
    }

    fn start(given: Given, tls: Tls) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rejoin-test-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let mut server = Self { folder: std::env::temp_dir().join(name), tls, url: String::new() };
        server.url = server.services("up", given);
        server
    }

    /// Where it lives.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn services(&self, command: &str, given: Given) -> String {
        let mut services = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services"));
        services.arg(command).env("SERVICES_FOLDER", &self.folder).env("SERVICES_FOR", process::id().to_string());
        // What these tests do to a server does not end the machine, so nothing needs to reach its disk.
        services.env("POSTGRES_OPTIONS", "-c fsync=off -c max_connections=300");
        if command != "down" {
            services.arg("postgres");
        }
        if matches!(self.tls, Tls::With) {
            services.env("POSTGRES_TLS", "yes");
        }
        if matches!(given, Given::Ignored) {
            services.env_remove("DATABASE_URL");
        }
        let output = services.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let urls = String::from_utf8(output.stdout).unwrap();
        urls.lines().find_map(|line| line.strip_prefix("DATABASE_URL=")).unwrap_or_default().to_owned()
    }

    /// The URL of another database of the server.
    pub(super) fn url_of(&self, database: &str) -> String {
        let (place, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        format!("{}/{database}?{query}", place.rsplit_once('/').unwrap().0)
    }

    /// Makes a database that has the schema.
    pub(super) fn make_database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("claim_{}_{}", process::id(), COUNT.fetch_add(1, Relaxed));
        self.run_sql("", &format!("create database {name} template {}", template()));
        name
    }

    pub(super) fn make_empty_database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("empty_{}_{}", process::id(), COUNT.fetch_add(1, Relaxed));
        self.run_sql("", &format!("create database {name}"));
        name
    }

    pub(super) fn drop_database(&self, name: &str) {
        self.run_sql("", &format!("drop database {name} with (force)"));
    }

    /// Runs statements in a database, or in the server's first one.
    pub(super) fn run_sql(&self, database: &str, statements: &str) {
        let url = if database.is_empty() { self.url.clone() } else { self.url_of(database) };
        thread::scope(|scope| {
            let work = scope.spawn(|| {
                on_own_runtime(async {
                    let mut connection = dial(&url).await;
                    Ok(connection.batch_execute(statements).await?)
                })
            });
            work.join().unwrap().unwrap();
        });
    }

    /// Ends the server at once, as a failing machine does.
    pub(super) fn kill(&self) {
        self.services("kill", Given::Ignored);
    }

    /// Starts it again on its data.
    pub(super) fn restart(&self) {
        self.services("up", Given::Ignored);
    }

    /// Freezes it, connections and all.
    pub(super) fn pause(&self) {
        self.services("pause", Given::Ignored);
    }

    pub(super) fn resume(&self) {
        self.services("resume", Given::Ignored);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.services("down", Given::Ignored);
    }
}

#[derive(Clone, Copy)]
enum Given {
    Used,
    Ignored,
}

#[derive(Clone, Copy)]
enum Tls {
    With,
    Without,
}

fn template() -> String {
    format!("rejoin_template_{}", process::id())
}

pub(super) async fn dial(url: &str) -> AsyncPgConnection {
    Dialer(Address::parse(url).unwrap()).dial().await.unwrap()
}
