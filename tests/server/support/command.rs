//! The program's other commands, as somebody on call runs them.

use std::process::{Command, Output, Stdio};

use super::{API_TOKEN, tokens::ACCESS_SECRET};

/// Runs `rejoin` with the secrets of the tests' servers, in a folder of its own, to its end.
pub fn rejoin(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    rejoin_command(arguments).current_dir(folder.path()).output().unwrap()
}

/// The same, not yet run.
pub fn rejoin_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoin"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.env("API_TOKEN", API_TOKEN).env("ACCESS_TOKEN_SECRET", ACCESS_SECRET);
    command
}
