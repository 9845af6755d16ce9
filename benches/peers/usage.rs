//! Processor time of a server, of the stores below it, and of the clients.

use std::{collections::HashMap, fs, time::Duration};

/// A process, its children among it, and what it is called in the report.
pub type Part = (&'static str, u32);

/// Seconds of the processor, by part; the clients, who are this process, come last.
#[derive(Clone)]
pub struct Usage(Vec<(&'static str, f64)>);

impl Usage {
    /// What has been taken up to now.
    pub fn of(parts: &[Part]) -> Self {
        let all = processes();
        let mut taken: Vec<_> = parts.iter().map(|(name, id)| (*name, family(*id, &all))).collect();
        taken.push((CLIENTS, all.get(&std::process::id()).map_or(0.0, |process| process.seconds)));
        Self(taken)
    }

    /// What was taken since `before`.
    pub fn since(&self, before: &Self) -> Vec<(&'static str, f64)> {
        self.0.iter().zip(&before.0).map(|((name, now), (_, before))| (*name, (now - before).max(0.0))).collect()
    }
}

struct Process {
    parent: u32,
    seconds: f64,
}

/// Time of a process and of everything below it. Children that have ended count with their parent.
fn family(id: u32, all: &HashMap<u32, Process>) -> f64 {
    let is_below = |mut process: u32| {
        while process != id {
            match all.get(&process) {
                Some(known) if known.parent > 0 => process = known.parent,
                Some(_) | None => return false,
            }
        }
        true
    };
    all.iter().filter(|(process, _)| is_below(**process)).map(|(_, process)| process.seconds).sum()
}

fn processes() -> HashMap<u32, Process> {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| Some((id, process(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)?))).collect()
}

/// The name in parentheses may hold spaces. After it come the state, the parent, and as the 12th to 15th field the times.
fn process(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let seconds = Duration::from_millis(ticks * 1_000 / per_second).as_secs_f64();
    Some(Process { parent: fields.get(1)?.parse().ok()?, seconds })
}

/// How the clients are called.
pub const CLIENTS: &str = "clients";
