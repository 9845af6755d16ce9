//! The dashboards as files: what they ask, and whether each panel is complete.

use std::fs;

use serde_json::Value;

/// A dashboard, by the name of its file.
pub struct Dashboard {
    pub file: String,
    json: Value,
}

/// All of them.
pub fn dashboards() -> Vec<Dashboard> {
    let files = fs::read_dir("config/grafana/dashboards").unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let json = serde_json::from_str(&fs::read_to_string(&path).unwrap());
        Dashboard { json: json.unwrap_or_else(|error| panic!("{file}: {error}")), file }
    };
    files.map(read).collect()
}

impl Dashboard {
    fn panels(&self) -> &[Value] {
        self.json["panels"].as_array().unwrap()
    }

    /// What its panels and annotations ask, and where.
    pub fn queries(&self) -> Vec<(String, String)> {
        let of = |holder: &Value, title: &Value, asked: &Value| {
            let query = asked["expr"].as_str().unwrap_or_else(|| panic!("no query in {holder}"));
            (format!("{}: {title}", self.file), query.to_owned())
        };
        let panels = self.panels().iter().flat_map(|panel| {
            panel["targets"].as_array().unwrap().iter().map(move |target| of(panel, &panel["title"], target))
        });
        let annotations = self.json["annotations"]["list"].as_array().unwrap();
        panels.chain(annotations.iter().map(|annotation| of(annotation, &annotation["name"], annotation))).collect()
    }
}

#[test]
fn the_four_dashboards_are_there_and_told_apart() {
    let mut titles: Vec<_> = dashboards().iter().map(|dashboard| dashboard.json["title"].to_string()).collect();
    titles.sort();
    let mut names: Vec<_> = dashboards().iter().map(|dashboard| dashboard.json["uid"].to_string()).collect();
    names.sort();
    names.dedup();

    let expected = ["Game Session Cache", "Reconnect & Replay", "Shards & Backpressure", "Stores"];
    assert_eq!(titles, expected.map(|title| format!("\"{title}\"")));
    assert_eq!(names.len(), titles.len());
}

#[test]
fn every_panel_has_a_query_a_unit_and_a_page() {
    for dashboard in dashboards() {
        for (index, panel) in dashboard.panels().iter().enumerate() {
            let place = format!("{}: {}", dashboard.file, panel["title"]);
            let (id, unit) = (panel["id"].as_u64(), panel["fieldConfig"]["defaults"]["unit"].as_str());
            let [link] = panel["links"].as_array().unwrap().as_slice() else { panic!("{place}: one link, please") };
            let page = link["title"].as_str().unwrap();

            assert_eq!(id, Some(index as u64 + 1), "{place}");
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{place} asks nothing");
            assert!(unit.is_some_and(|unit| !unit.is_empty()), "{place} has no unit");
            assert!(page.starts_with("runbooks/") && fs::exists(page).unwrap(), "{place} leads to {page}");
            assert_eq!(link["url"], page.replace("runbooks/", "${runbooks}/"), "{place}");
        }
    }
}
