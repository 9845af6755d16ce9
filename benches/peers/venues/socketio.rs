//! Socket.IO on its Redis streams adapter: the server in `socketio/`, run by the Node of this machine.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::{Entrance, Services, Venue};
use crate::process::{self, Process};

/// Installs what its lock file says. Returns its version, and those of what counts beside it.
pub fn prepare() -> Result<String, String> {
    let node = process::run(Command::new("node").arg("--version")).map_err(|error| format!("no Node: {error}"))?;
    let mut npm = Command::new("npm");
    npm.args(["--prefix", FOLDER, "ci", "--no-audit", "--no-fund"]);
    process::run(&mut npm).map_err(|error| format!("npm ci: {error}"))?;
    let version = |package: &str| {
        let path = Path::new(FOLDER).join("node_modules").join(package).join("package.json");
        let description = std::fs::read_to_string(path).ok()?;
        let description: Value = serde_json::from_str(&description).ok()?;
        Some(description["version"].as_str()?.to_owned())
    };
    let told = ["socket.io", "@socket.io/redis-streams-adapter", "redis", "ws"]
        .map(|package| format!("{package} {}", version(package).unwrap_or_default()));
    let native = if version("bufferutil").is_some() { "with bufferutil" } else { "without bufferutil" };
    Ok(format!("{}, {native}, Node {}", told.join(", "), node.trim_start_matches('v')))
}

/// Starts it.
pub async fn open(services: &Services) -> Result<Venue, String> {
    let (address, redis) = (process::free_address(), services.fresh_redis().await?);
    let mut server = Process::start("socketio", services.folder(), Path::new("node"), |command| {
        // It ends when its standard input does, which we hold open.
        command.arg("server.mjs").current_dir(FOLDER).stdin(std::process::Stdio::piped());
        command.env("NODE_ENV", "production").env("PORT", address.port().to_string()).env("REDIS_URL", redis);
        command.env("STREAM_MAX_LENGTH", STREAM_MAX_LENGTH);
    })
    .map_err(|error| error.to_string())?;
    server.listens(address).await?;
    let parts = vec![("server", server.id()), services.redis];
    Ok(Venue { address, server, parts, entrance: Entrance::SocketIo })
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/socketio");
/// More than a play or a storm brings forth.
const STREAM_MAX_LENGTH: &str = "1000000";
