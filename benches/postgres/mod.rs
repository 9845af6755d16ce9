//! A Postgres of a bench's own, by `scripts/services`, or that of `DATABASE_URL`.

use std::{
    env,
    process::{self, Command},
};

/// Starts it and returns its URL. It ends with this process.
pub fn start() -> String {
    let folder = env::temp_dir().join(format!("rejoin-bench-{}", process::id()));
    let services = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services");
    let urls = run(Command::new(services)
        .args(["up", "postgres"])
        .env("SERVICES_FOLDER", folder)
        .env("SERVICES_FOR", process::id().to_string()));
    urls.trim().strip_prefix("DATABASE_URL=").expect("a URL").to_owned()
}

/// Runs a program, and returns what it prints.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
