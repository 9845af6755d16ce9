//! Real servers for tests, and what may happen to one.

use std::{
    fs, process,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    address::Address,
    dialer::Dialer,
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

    fn start(given: Given) -> Self {
        let service = Service::start(Kind::Postgres, given);
        Self { url: service.url.clone(), service }
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
        Self::signal(&self.processes()[..1], Signal::KILL);
    }

    /// Starts it again on its data.
    pub(super) fn restart(&self) {
        self.service.restart();
    }

    /// Freezes it, connections and all.
    pub(super) fn pause(&self) {
        Self::signal(&self.processes(), Signal::STOP);
    }

    pub(super) fn resume(&self) {
        Self::signal(&self.processes(), Signal::CONT);
    }

    fn signal(processes: &[Pid], signal: Signal) {
        for process in processes {
            // A child may have ended by itself.
            let _ = kill_process(*process, signal);
        }
    }

    /// The server's process, and those it has for its connections.
    fn processes(&self) -> Vec<Pid> {
        let pid = fs::read_to_string(self.service.folder.join("postgres/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        [pid]
            .into_iter()
            .chain(children.split_whitespace())
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
            .collect()
    }
}

fn template() -> String {
    format!("rejoin_template_{}", process::id())
}

pub(super) async fn dial(url: &str) -> AsyncPgConnection {
    Dialer(Address::parse(url).unwrap()).dial().await.unwrap()
}
