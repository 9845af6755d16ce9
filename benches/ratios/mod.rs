//! Says, after the measuring, how many times as long one thing took as another: by criterion's own means of this run.

use std::{collections::BTreeMap, env, fs, path::PathBuf, time::SystemTime};

use serde_json::Value;

/// What was measured of one group, since the program began.
pub struct Ratios {
    began: SystemTime,
}

impl Ratios {
    /// Begins: what was measured before does not count.
    #[expect(clippy::disallowed_methods, reason = "is held against the times of files")]
    pub fn begin() -> Self {
        Self { began: SystemTime::now() }
    }

    /// Prints a line for each parameter of a group: what `of` took, and how many times as long each of the others did.
    pub fn tell(&self, group: &str, of: &str, others: &[&str]) {
        let own = self.means(group, of);
        for (parameter, own) in &own {
            let label = match parameter.1.as_str() {
                "" => format!("{group}/{of}"),
                name => format!("{group}/{of}/{name}"),
            };
            let mut line = format!("{label:<44} {:>12}", time(*own));
            for other in others {
                if let Some(mean) = self.means(group, other).get(parameter) {
                    line += &format!("   {other} {:.2} ×", mean / own);
                }
            }
            println!("{line}");
        }
    }

    /// Nanoseconds, by parameter; an empty one where there is none.
    fn means(&self, group: &str, function: &str) -> BTreeMap<Parameter, f64> {
        let folder = home().join(group).join(function);
        let mut means = BTreeMap::new();
        let parameters = fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = parameters.map(|entry| entry.file_name().to_string_lossy().into_owned());
        for name in names.filter(|name| name != "new" && name != "base").chain([String::new()]) {
            if let Some(mean) = self.mean(folder.join(&name).join("new/estimates.json")) {
                means.insert((name.parse().unwrap_or_default(), name), mean);
            }
        }
        means
    }

    fn mean(&self, path: PathBuf) -> Option<f64> {
        let is_ours = fs::metadata(&path).ok()?.modified().ok()? >= self.began;
        let estimates: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        is_ours.then(|| estimates["mean"]["point_estimate"].as_f64())?
    }
}

/// As a number, so that they come in order, and as it is named.
type Parameter = (u64, String);

/// Where criterion keeps what it measures.
fn home() -> PathBuf {
    let target = || match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target")),
    };
    env::var_os("CRITERION_HOME").map_or_else(|| target().join("criterion"), PathBuf::from)
}

fn time(nanos: f64) -> String {
    match nanos {
        ..1e3 => format!("{nanos:.1} ns"),
        1e3..1e6 => format!("{:.2} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}
