//! Holds the image and the systemd unit against the program: what they copy is there, what they run is understood. Neither
//! Docker nor systemd is needed, and neither is replaced by this.

use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Duration};

const REJOIN: &str = env!("CARGO_BIN_EXE_rejoin");
const UNIT: &str = "config/systemd/rejoin.service";

/// The instructions of the Dockerfile, each with what follows it, on one line.
fn instructions(which: &str) -> Vec<String> {
    let text = fs::read_to_string("Dockerfile").unwrap().replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.strip_prefix(which)?.strip_prefix(' '));
    lines.map(str::to_owned).collect()
}

/// What the build and the image take from this folder.
fn copied() -> Vec<String> {
    let from_here = instructions("COPY").into_iter().filter(|copy| !copy.starts_with("--from="));
    from_here
        .flat_map(|copy| {
            let mut paths: Vec<_> = copy.split_whitespace().map(str::to_owned).collect();
            paths.pop();
            paths
        })
        .collect()
}

/// The words of a list in brackets.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(&list[list.find('[').unwrap()..]).unwrap()
}

/// The values of a setting of the unit.
fn unit(name: &str) -> Vec<String> {
    let text = fs::read_to_string(UNIT).unwrap();
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned).collect()
}

fn rejoin(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(REJOIN).args(arguments).env_clear().current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "rejoin {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn everything_that_the_image_copies_is_there_and_reaches_docker() {
    let ignore = fs::read_to_string(".dockerignore").unwrap();
    let let_through: BTreeSet<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();

    for path in copied() {
        assert!(Path::new(&path).exists(), "{path} is not there");
        assert!(let_through.contains(path.split('/').next().unwrap()), "{path} is ignored");
    }
    let config = fs::read_dir("config").unwrap().map(|entry| entry.unwrap().path());
    for file in config.filter(|path| path.is_file()) {
        assert!(copied().iter().any(|copied| Path::new(copied) == file), "{} is not in the image", file.display());
    }
}

#[test]
fn everything_that_is_compiled_in_is_copied_to_the_build() {
    let mut folders = vec![Path::new("src").to_owned()];
    let mut included = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for (at, _) in code.match_indices("include_str!(\"") {
                let named = code[at..].split('"').nth(1).unwrap();
                let file = fs::canonicalize(folder.join(named)).unwrap();
                included.insert(file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned());
            }
        }
    }

    let copied = copied();
    assert!(copied.contains(&"migrations".to_owned()), "the program carries its migrations");
    for file in included {
        assert!(copied.iter().any(|path| file.starts_with(path)), "{} is not copied to the build", file.display());
    }
}

#[test]
fn what_the_image_runs_is_understood() {
    let (entry, serve) = (words(&instructions("ENTRYPOINT")[0]), words(&instructions("CMD")[0]));
    let health = words(&instructions("HEALTHCHECK")[0]);

    let binary = instructions("COPY").iter().any(|copy| copy.ends_with(&format!(" {}", entry[0])));
    assert!(binary, "{} is not in the image", entry[0]);
    assert_eq!(health[0], entry[0]);
    for arguments in [&serve[..], &health[1..]] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--help"]).collect();
        assert!(rejoin(&arguments).contains("Usage: rejoin"), "{arguments:?}");
    }
    assert_eq!(instructions("USER"), ["nonroot"]);
}

#[test]
fn what_the_unit_runs_and_sets_is_understood() {
    let start = &unit("ExecStart")[0];
    let arguments: Vec<&str> = start.split_whitespace().skip(1).chain(["--help"]).collect();
    assert!(rejoin(&arguments).contains("Usage: rejoin"), "{start}");

    let config = rejoin(&["config"]);
    let value = |name: &str| {
        let row = config.lines().find(|line| line.split_whitespace().next() == Some(name));
        row.unwrap_or_else(|| panic!("there is no setting {name}")).split_whitespace().nth(1).unwrap()
    };
    for set in unit("Environment") {
        value(set.split_once('=').unwrap().0);
    }
    let stop = humantime::parse_duration(&unit("TimeoutStopSec")[0]).unwrap();
    let grace = Duration::from_millis(value("SHUTDOWN_GRACE_MS").parse().unwrap());
    assert!(stop > grace, "systemd would kill it after {stop:?}, within its grace of {grace:?}");
    assert_eq!((unit("Type"), unit("RestartPreventExitStatus")), (vec!["notify".to_owned()], vec!["78".to_owned()]));
}
