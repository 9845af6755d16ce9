//! Real servers for tests, started by `scripts/services`. They end with this process, however it ends.

use std::{
    path::PathBuf,
    process::{self, Command},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// A server in a folder of its own.
pub(super) struct Service {
    kind: Kind,
    /// More of the script's settings.
    settings: &'static [(&'static str, &'static str)],
    pub(super) folder: PathBuf,
    pub(super) url: String,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Postgres,
    Redis,
}

/// What to do with a server that the environment names.
#[derive(Clone, Copy)]
pub(super) enum Given {
    Used,
    Ignored,
}

impl Service {
    pub(super) fn start(kind: Kind, given: Given) -> Self {
        Self::start_with(kind, given, &[])
    }

    pub(super) fn start_with(kind: Kind, given: Given, settings: &'static [(&'static str, &'static str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rejoin-test-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let mut service = Self { kind, settings, folder: std::env::temp_dir().join(name), url: String::new() };
        service.url = service.up(given);
        service
    }

    /// Starts it again, where it was: a database on its data, a cache without any.
    pub(super) fn restart(&self) {
        self.up(Given::Ignored);
    }

    /// Has it killed, paused or resumed.
    pub(super) fn suffer(&self, what: &str) {
        self.run(&[what, self.kind.names().0], Given::Ignored);
    }

    fn up(&self, given: Given) -> String {
        let (name, variable) = self.kind.names();
        let urls = self.run(&["up", name], given);
        let url = urls.lines().find_map(|line| line.strip_prefix(variable)?.strip_prefix('='));
        url.unwrap().to_owned()
    }

    fn run(&self, command: &[&str], given: Given) -> String {
        let mut services = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services"));
        services
            .envs(self.settings.iter().copied())
            .args(command)
            .env("SERVICES_FOLDER", &self.folder)
            .env("SERVICES_FOR", process::id().to_string());
        // What these tests do to a server does not end the machine, so nothing needs to reach its disk.
        services.env("POSTGRES_OPTIONS", "-c fsync=off -c max_connections=300");
        if matches!(given, Given::Ignored) {
            services.env_remove(self.kind.names().1);
        }
        let output = services.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Kind {
    /// As the script and the environment call it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Postgres => ("postgres", "DATABASE_URL"),
            Self::Redis => ("redis", "SESSION_REDIS_URL"),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.run(&["down"], Given::Ignored);
    }
}
