//! Centrifugo 6 on its Redis engine and on its Postgres broker, built from its module where there is a Go toolchain.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{Entrance, Services, Venue};
use crate::process::{self, Process};

/// What its history is kept in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    Redis,
    Postgres,
}

/// Builds it, if it is not there yet. Returns its version.
pub fn prepare() -> Result<String, String> {
    let program = program();
    if !program.exists() {
        if process::run(Command::new("go").arg("version")).is_err() {
            return Err("no Go toolchain".to_owned());
        }
        let mut go = Command::new("go");
        go.args(["install", MODULE]).env("GOBIN", program.parent().expect("it is in a folder"));
        process::run(&mut go).map_err(|error| format!("`go install {MODULE}`: {error}"))?;
    }
    process::run(Command::new(program).arg("version"))
}

/// Starts it.
pub async fn open(services: &Services, on: On) -> Result<Venue, String> {
    let address = process::free_address();
    let (history, store) = match on {
        On::Redis => (
            json!({ "engine": { "type": "redis", "redis": { "address": services.fresh_redis().await? } } }),
            services.redis,
        ),
        On::Postgres => {
            // Woken up by the database: by default it looks every 50 ms.
            let postgres = json!({ "dsn": services.fresh_database().await?, "use_notify": true });
            let broker = json!({ "enabled": true, "type": "postgres", "postgres": postgres });
            (json!({ "broker": broker }), services.postgres)
        }
    };
    let file = services.fresh_file("centrifugo.json");
    std::fs::write(&file, configuration(address.port(), history).to_string()).map_err(|error| error.to_string())?;
    let mut server = Process::start("centrifugo", services.folder(), &program(), |command| {
        command.arg("--config").arg(file);
    })
    .map_err(|error| error.to_string())?;
    server.listens(address).await?;
    let parts = vec![("server", server.id()), store];
    Ok(Venue { address, server, parts, entrance: Entrance::Centrifugo })
}

/// Without logs and presence. Positions are what recovery needs; history is as long as Rejoin's memory, and some more.
fn configuration(port: u16, history: Value) -> Value {
    let mut all = json!({
        "http_server": { "address": "127.0.0.1", "port": port },
        "log": { "level": "error" },
        "client": { "insecure": true, "allowed_origins": ["*"] },
        "channel": {
            "without_namespace": { "history_size": 100, "history_ttl": "600s", "force_recovery": true },
        },
    });
    let (Value::Object(all_fields), Value::Object(history)) = (&mut all, history) else { unreachable!("objects") };
    all_fields.extend(history);
    all
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/centrifugo")
}

const MODULE: &str = "github.com/centrifugal/centrifugo/v6@latest";
