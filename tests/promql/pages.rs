//! Alerts lead to pages of `runbooks/`, and are themselves tried.

use std::fs;

/// An alert of our rules.
struct Alert {
    name: String,
    page: String,
}

/// Reads the files of a folder below `config/prometheus`, one after the other.
fn texts(folder: &str) -> String {
    let files = fs::read_dir(format!("config/prometheus/{folder}")).unwrap();
    files.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

/// Every alert. A rule that lacks its page would give the next one's, so the numbers are compared.
fn alerts() -> Vec<Alert> {
    let rules = texts("rules");
    let of = |key: &str| -> Vec<String> {
        let lines = rules.lines().map(|line| line.trim().trim_start_matches("- "));
        lines.filter_map(|line| line.strip_prefix(key)).map(str::to_owned).collect()
    };
    let (names, pages) = (of("alert: "), of("runbook: "));
    assert_eq!([of("summary: ").len(), of("description: ").len(), pages.len()], [names.len(); 3]);
    names.into_iter().zip(pages).map(|(name, page)| Alert { name, page }).collect()
}

#[test]
fn every_alert_has_a_page_that_names_it_and_stands_in_the_index() {
    let alerts = alerts();
    let index = fs::read_to_string("runbooks/README.md").unwrap();

    assert!(alerts.len() >= 25, "the rules have lost their alerts");
    for Alert { name, page } in alerts {
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{name} leads to {page}: {error}"));
        let file = page.strip_prefix("runbooks/").unwrap();
        let listed = |line: &str| line.contains(&format!("`{name}`")) && line.contains(&format!("({file})"));
        assert!(text.contains(&format!("`{name}`")), "{page} does not name {name}");
        assert!(index.lines().any(listed), "runbooks/README.md does not list {name} with {page}");
    }
}

#[test]
fn every_page_stands_in_the_index() {
    let index = fs::read_to_string("runbooks/README.md").unwrap();

    for entry in fs::read_dir("runbooks").unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(file == "README.md" || index.contains(&format!("({file})")), "{file} is not in runbooks/README.md");
    }
}

#[test]
fn every_alert_is_tried_silent_and_firing() {
    let tests = texts("tests");

    for Alert { name, .. } in alerts() {
        let silent = format!("{{alertname: {name}, eval_time:");
        assert!(tests.contains(&silent), "{name} is not shown silent");
        assert!(tests.contains(&format!("- alertname: {name}\n")), "{name} is not shown firing");
    }
}
