//! Where and when a comparison took place.

use std::{fs, process::Command};

use serde::Serialize;

use crate::process::run;

/// The machine, and what all peers have in common there.
#[derive(Serialize)]
pub struct Machine {
    pub date: String,
    pub processor: String,
    pub cores: usize,
    pub memory: String,
    pub kernel: String,
    pub postgres: String,
    pub redis: String,
    pub rust: String,
}

impl Machine {
    /// This one, now.
    pub fn here(postgres: String) -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let says = |command: &mut Command| run(command).unwrap_or_else(|_| "unknown".to_owned());
        let kibibytes: u64 = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
        let redis = says(Command::new("redis-server").arg("--version"));
        let word = |text: &str, number: usize| text.split(' ').nth(number).unwrap_or_default().to_owned();
        Self {
            date: says(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"])),
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: format!("{} GiB", kibibytes.div_ceil(1024 * 1024)),
            kernel: says(Command::new("uname").arg("-sr")),
            postgres: word(&postgres, 0),
            redis: word(&redis, 2).trim_start_matches("v=").to_owned(),
            rust: word(&says(Command::new("rustc").arg("--version")), 1),
        }
    }
}
