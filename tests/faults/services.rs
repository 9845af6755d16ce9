//! A Postgres and a Redis of a test's own, to be ill-treated. They end with this process, however it ends.

use std::{
    collections::HashMap,
    path::PathBuf,
    process::{self, Command},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// What the service stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    Postgres,
    Redis,
}

use Service::{Postgres, Redis};

/// Servers in a folder of their own. What is done to one blocks for as long as it takes.
pub struct Services {
    folder: PathBuf,
    urls: HashMap<Service, String>,
}

impl Services {
    /// Starts these.
    pub fn start(which: &[Service]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rejoin-faults-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let mut services = Self { folder: std::env::temp_dir().join(name), urls: HashMap::new() };
        let said = services.call("up", which);
        for (variable, url) in said.lines().filter_map(|line| line.split_once('=')) {
            let service = [Postgres, Redis].into_iter().find(|service| service.variable() == variable).unwrap();
            services.urls.insert(service, url.to_owned());
        }
        services
    }

    /// Where it is, password and all.
    pub fn url(&self, service: Service) -> &str {
        &self.urls[&service]
    }

    /// Ends it at once, as a failing machine does.
    pub fn kill(&self, service: Service) {
        self.call("kill", &[service]);
    }

    /// Starts it again: Postgres on its data, Redis empty.
    pub fn restart(&self, service: Service) {
        self.call("up", &[service]);
    }

    /// Stops it in its tracks, connections and all.
    pub fn pause(&self, service: Service) {
        self.call("pause", &[service]);
    }

    /// Lets it run on.
    pub fn resume(&self, service: Service) {
        self.call("resume", &[service]);
    }

    fn call(&self, command: &str, which: &[Service]) -> String {
        let services = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services");
        let output = Command::new(services)
            .arg(command)
            .args(which.iter().map(|service| service.name()))
            .env("SERVICES_FOLDER", &self.folder)
            .env("SERVICES_FOR", process::id().to_string())
            // What happens to a server here does not end the machine, so nothing needs to reach its disk.
            .env("POSTGRES_OPTIONS", "-c fsync=off")
            .env_remove(Postgres.variable())
            .env_remove(Redis.variable())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.call("down", &[]);
    }
}

impl Service {
    /// The setting that says where it is.
    pub fn variable(self) -> &'static str {
        match self {
            Postgres => "DATABASE_URL",
            Redis => "SESSION_REDIS_URL",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Postgres => "postgres",
            Redis => "redis",
        }
    }
}
