//! The Postgres and the Redis that all of them share, one after the other, by `scripts/services`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use crate::{process, usage::Part};

/// Both servers. They end with this process, their folder with this value.
pub struct Services {
    folder: TempDir,
    postgres_url: String,
    redis_url: String,
    pub postgres: Part,
    pub redis: Part,
}

impl Services {
    /// Starts them.
    ///
    /// # Errors
    /// One does not start.
    pub fn start() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("rejoin-peers-").tempdir().map_err(|error| error.to_string())?;
        let services = |command| process::run(&mut script(command, folder.path()));
        // The servers have users of their own, who must get through.
        open_to_all(folder.path())?;
        let (urls, status) = (services("up")?, services("status")?);
        let url = |name: &str| {
            let found = urls.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned).ok_or_else(|| format!("no {name}"))
        };
        let id = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            let id = line.split("(process ").nth(1).and_then(|rest| rest.trim_end_matches(')').parse().ok());
            id.ok_or_else(|| format!("no process of {name}"))
        };
        let (postgres_url, redis_url) = (url("DATABASE_URL")?, url("SESSION_REDIS_URL")?);
        let (postgres, redis) = (("postgres", id("postgres")?), ("redis", id("redis")?));
        Ok(Self { folder, postgres_url, redis_url, postgres, redis })
    }

    /// For logs and files of this run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file that is not there yet.
    pub fn fresh_file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{}-{name}", uuid::Uuid::new_v4().simple()))
    }

    /// As it tells itself.
    ///
    /// # Errors
    /// Postgres refuses.
    pub async fn postgres_version(&self) -> Result<String, String> {
        let work = async {
            let (client, connection) = tokio_postgres::connect(&self.postgres_url, NoTls).await?;
            tokio::spawn(connection);
            Ok::<String, tokio_postgres::Error>(client.query_one("show server_version", &[]).await?.get(0))
        };
        let told = timeout(PATIENCE, work).await.map_err(|_| "Postgres is late".to_owned())?;
        told.map_err(|error| format!("Postgres: {error}"))
    }

    /// The URL of a database that nobody has used, all others gone.
    ///
    /// # Errors
    /// Postgres refuses.
    pub async fn fresh_database(&self) -> Result<String, String> {
        let name = format!("peers_{}", uuid::Uuid::new_v4().simple());
        let work = async {
            let (client, connection) = tokio_postgres::connect(&self.postgres_url, NoTls).await?;
            tokio::spawn(connection);
            for row in client.query("select datname from pg_database where datname like 'peers_%'", &[]).await? {
                client.batch_execute(&format!("drop database {} with (force)", row.get::<_, &str>(0))).await?;
            }
            // What the one before has left to write is not the next one's to carry.
            client.batch_execute("checkpoint").await?;
            client.batch_execute(&format!("create database {name}")).await
        };
        let done = timeout(PATIENCE, work).await.map_err(|_| "Postgres is late".to_owned())?;
        done.map_err(|error| format!("Postgres: {error}"))?;
        let server = self.postgres_url.trim_end_matches("postgres");
        Ok(format!("{server}{name}"))
    }

    /// The URL of Redis, emptied.
    ///
    /// # Errors
    /// Redis refuses.
    pub async fn fresh_redis(&self) -> Result<String, String> {
        let work = async {
            let mut connection = connect_redis(&self.redis_url).await?;
            redis::cmd("FLUSHALL").exec_async(&mut connection).await
        };
        let done = timeout(PATIENCE, work).await.map_err(|_| "Redis is late".to_owned())?;
        done.map_err(|error| format!("Redis: {error}"))?;
        Ok(self.redis_url.clone())
    }
}

/// Connects to a Redis that may take its time: to forget what a storm has left there takes longer than the half second
/// that its client would wait.
pub async fn connect_redis(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&patient).await
}

impl Drop for Services {
    fn drop(&mut self) {
        // Before their folder is gone, in which the script looks for them. What it leaves, it would leave to us too.
        let _ = process::run(&mut script("down", self.folder.path()));
    }
}

fn script(command: &str, folder: &Path) -> Command {
    let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services"));
    script.arg(command).env("SERVICES_FOLDER", folder.join("services"));
    script.env("SERVICES_FOR", std::process::id().to_string());
    script.env_remove("DATABASE_URL").env_remove("SESSION_REDIS_URL");
    script
}

fn open_to_all(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).map_err(|error| error.to_string())
}

const PATIENCE: Duration = Duration::from_secs(60);
