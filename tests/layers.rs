//! Holds which layer may name which: the table of docs/architecture.md.

use std::{fs, path::Path};

/// A layer, the others it may name, and what must not stand in it. Sections of the settings are named like layers.
const TABLE: [(&str, &str, &str); 8] = [
    ("domain", "", "actix .await diesel prometheus std::fs std::net tokio tracing ::now("),
    ("wire", "domain", "actix .await diesel prometheus std::fs std::net tokio tracing ::now("),
    ("settings", "shard store", "actix .await diesel tokio"),
    ("store", "domain", "actix tungstenite"),
    ("shard", "domain store", "actix_ diesel serde_json"),
    ("edge", "domain wire shard settings", "diesel"),
    ("client", "", "actix diesel"),
    ("commands", "client", "actix diesel"),
];

/// What a source text of a layer names though it must not. Comments and tests may name anything.
fn offences((layer, allowed, banned): (&str, &str, &str), source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap().lines();
    let code = code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let names = |other: &str| {
        let before = |at| code[..at].chars().next_back().is_some_and(|c| !c.is_alphanumeric() && !"_:".contains(c));
        code.match_indices(&format!("{other}::")).any(|(at, _)| before(at) || code[..at].ends_with("crate::"))
    };
    let others = TABLE.map(|row| row.0).into_iter().chain(["app"]).filter(|other| *other != layer);
    let named = others.filter(|other| !allowed.split(' ').any(|allowed| allowed == *other) && names(other));
    named.chain(banned.split(' ').filter(|banned| code.contains(banned))).map(str::to_owned).collect()
}

#[test]
fn every_layer_names_only_what_it_may() {
    for row in TABLE {
        let mut paths = vec![Path::new("src").join(row.0)];
        while let Some(path) = paths.pop() {
            match fs::read_dir(&path) {
                Ok(folder) => paths.extend(folder.map(|entry| entry.unwrap().path())),
                Err(_) if path.to_string_lossy().contains("test") => {}
                Err(_) => {
                    let offences = offences(row, &fs::read_to_string(&path).unwrap());
                    assert!(offences.is_empty(), "{} names {offences:?}", path.display());
                }
            }
        }
    }
}

#[test]
fn an_offence_is_found() {
    let source = "use crate::{\n    domain::{Event, store},\n    store::Store,\n};\ncrate::app::serve(x);\n// diesel";
    assert_eq!(offences(TABLE[5], source), ["store", "app"]);
    assert_eq!(offences(TABLE[0], "use tokio::time;"), ["tokio"]);
}
