//! Real servers for tests, and what may happen to one.

use std::{
    path::Path,
    process,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::{
    address::Address,
    dialer,
    migrate::{migrate, on_own_runtime},
};
use crate::store::services::{Given, Kind, Service};

/// A server in a folder of its own.
pub(super) struct Server {
    service: Service,
    pub(super) url: String,
}

impl Server {
    /// The one that most tests share: `DATABASE_URL`'s, where that names one.
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<Server> = LazyLock::new(|| {
            let server = Server::start(Given::Used);
            server.run_sql("", &format!("create database {}", template()));
            migrate(&server.url_of(&template())).unwrap();
            server
        });
        &SHARED
    }

    /// One to be ill-treated.
    pub(super) fn of_ones_own() -> Self {
        Self::start(Given::Ignored)
    }

    /// One that offers TLS, by a certificate in its folder.
    pub(super) fn with_tls() -> Self {
        Self::of(Service::start_with(Kind::Postgres, Given::Ignored, &[("POSTGRES_TLS", "yes")]))
    }

    fn start(given: Given) -> Self {
        Self::of(Service::start(Kind::Postgres, given))
    }

    fn of(service: Service) -> Self {
        Self { url: service.url.clone(), service }
    }

    /// Where it lives.
    pub(super) fn folder(&self) -> &Path {
        &self.service.folder
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
        self.service.suffer("kill");
    }

    /// Starts it again on its data.
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

fn template() -> String {
    format!("rejoin_template_{}", process::id())
}

pub(super) async fn dial(url: &str) -> AsyncPgConnection {
    dialer::dial(Address::parse(url).unwrap()).await.unwrap()
}
