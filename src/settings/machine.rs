//! What this machine, or the container around us, has to give.

use std::path::Path;
use std::{fs, thread};

/// Assumed where nothing can be found out, as outside Linux.
const UNKNOWN_MEMORY_BYTES: u64 = 1 << 30;

/// Returns the cores this process may use.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the memory this process may use: the machine's, or less where its cgroup allows less.
pub(super) fn memory_bytes() -> u64 {
    memory_bytes_under(Path::new("/"))
}

fn memory_bytes_under(root: &Path) -> u64 {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| total_bytes(&text));
    let cgroups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = cgroups
        .lines()
        .filter_map(memory_group)
        .flat_map(|(mount, group, file)| limits_above(&root.join(mount), group, file));
    machine.into_iter().chain(limits).min().unwrap_or(UNKNOWN_MEMORY_BYTES)
}

/// Returns the limits of a group and of all above it, for each of them holds.
///
/// A container may not see its own group, only the mount, which then shows its limit.
fn limits_above(mount: &Path, group: &str, file: &str) -> Vec<u64> {
    let groups = Path::new(group.trim_start_matches('/')).ancestors();
    groups.filter_map(|group| fs::read_to_string(mount.join(group).join(file)).ok()?.trim().parse().ok()).collect()
}

/// Returns the `MemTotal` of `/proc/meminfo`, which counts in KiB.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(total.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()? * 1024)
}

/// Returns mount, group and name of the limit's file from a line of `/proc/self/cgroup`, if it is about memory.
fn memory_group(line: &str) -> Option<(&'static str, &str, &'static str)> {
    let mut parts = line.splitn(3, ':');
    let (_hierarchy, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
    if controllers.is_empty() {
        return Some(("sys/fs/cgroup", group, "memory.max"));
    }
    let is_memory = controllers.split(',').any(|controller| controller == "memory");
    is_memory.then_some(("sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [("proc/meminfo", "MemTotal:        4096 kB\nMemFree: 1 kB\n")].iter().chain(files) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn without_a_limit_memory_is_the_machines() {
        let root = machine(&[("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/memory.max", "max\n")]);

        assert_eq!(memory_bytes_under(root.path()), 4096 * 1024);
    }

    #[test]
    fn the_tightest_limit_of_the_groups_above_holds() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "3000000\n"),
            ("sys/fs/cgroup/a/memory.max", "2000000\n"),
        ]);

        assert_eq!(memory_bytes_under(root.path()), 2_000_000);
    }

    #[test]
    fn a_container_finds_its_first_version_limit_at_the_mount() {
        let root = machine(&[
            ("proc/self/cgroup", "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n"),
        ]);

        assert_eq!(memory_bytes_under(root.path()), 1_000_000);
    }
}
