//! What the process takes from its machine, and which build it is.
//!
//! Read from the kernel at each scrape. A machine without `/proc` tells of the build alone.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        counter::ConstCounter,
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::Registry,
};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

/// Whoever builds says it, `make run` for one.
const REVISION: &str = match option_env!("REJOIN_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Registers what is known of the process.
pub fn register(registry: &mut Registry) {
    let build = Family::<[(&str, &str); 2], Gauge>::default();
    build.get_or_create(&[("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION)]).set(1);
    registry.register("build_info", "The version that runs, and the revision of its source: always 1", build);
    // Once: the kernel tells it as seconds since a boot whose time moves when the clock is set.
    registry.register_collector(Box::new(Process { started: Usage::read().and_then(|usage| started(&usage)) }));
}

#[derive(Debug)]
struct Process {
    /// Seconds since 1970.
    started: Option<f64>,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Some(usage) = Usage::read() else { return Ok(()) };
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let help = "Processor time that the process has used, in seconds";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)?;
        for (name, help, value) in [
            ("start_time_seconds", "When the process was started, in seconds since 1970", self.started),
            ("resident_memory_bytes", "Physical memory that the process holds", Some(usage.resident_bytes)),
            ("virtual_memory_bytes", "Address space that the process has reserved", Some(usage.virtual_bytes)),
            ("open_fds", "Files and sockets that the process has open", open_files()),
            ("max_fds", "Files and sockets that it may have open", Some(most_open_files())),
        ] {
            let Some(value) = value else { continue };
            let (gauge, name) = (ConstGauge::new(value), format!("process_{name}"));
            gauge.encode(encoder.encode_descriptor(&name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// What the kernel accounts to the process.
struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    /// Since the machine was booted.
    started_seconds: f64,
}

impl Usage {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// Reads `/proc/self/stat`, see proc(5). The second field is the program's name, which may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        // Fields are numbered from 1, and the two before these are cut off.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let (ticks, page) = (float(clock_ticks_per_second()), float(page_size() as u64));
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            started_seconds: field(22)? / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page,
        })
    }
}

/// When the process was started, in seconds since 1970.
fn started(usage: &Usage) -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let booted: f64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted + usage.started_seconds)
}

fn open_files() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // The folder itself is open while we count.
    Some(float(open.saturating_sub(1) as u64))
}

fn most_open_files() -> f64 {
    getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, float)
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 of anything counted here")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::{clock::Clock, domain::Timestamp};

    #[test]
    fn a_scrape_tells_what_this_process_takes() {
        let mut registry = Registry::default();
        register(&mut registry);

        let mut text = String::new();
        encode(&mut text, &registry).unwrap();

        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
        };
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!((3.0..=value("process_max_fds")).contains(&value("process_open_fds")));
        let now = Clock::system().now().since(Timestamp::default()).as_secs_f64();
        let age = now - value("process_start_time_seconds");
        // The kernel tells the time of its boot in whole seconds.
        assert!((-1.0..3_600.0).contains(&age), "{age}");
        assert!(text.contains(r#"build_info{version="0."#), "{text}");
    }

    #[test]
    fn a_name_with_brackets_and_blanks_is_skipped() {
        let stat = "7 (a) b c) R 1 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 4200 8192 3 0";

        let usage = Usage::parse(stat).unwrap();

        let ticks = float(clock_ticks_per_second());
        assert_eq!((usage.cpu_seconds, usage.started_seconds), (300.0 / ticks, 4200.0 / ticks));
        assert_eq!((usage.virtual_bytes, usage.resident_bytes), (8192.0, 3.0 * float(page_size() as u64)));
    }
}
