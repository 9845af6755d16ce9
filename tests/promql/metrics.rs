//! Every metric that is promised is served, with its labels, before anything has happened.

use std::fs;

use serde_json::Value;

use crate::serve;

/// A line of `metrics.txt`.
struct Promise {
    kind: String,
    name: String,
    /// Each label with the values that must be there.
    labels: Vec<(String, Vec<String>)>,
}

fn promises() -> Vec<Promise> {
    let text = fs::read_to_string("tests/promql/metrics.txt").unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let promise = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let (kind, name) = (words.next().unwrap(), words.next().unwrap());
        let label = |word: String| match word.split_once('=') {
            Some((label, values)) => (label.to_owned(), values.split(',').map(str::to_owned).collect()),
            None => (word, Vec::new()),
        };
        Promise { kind, name, labels: words.map(label).collect() }
    };
    lines.map(promise).collect()
}

impl Promise {
    /// The series that must be there, each as the beginnings of its labels.
    fn series(&self) -> Vec<Vec<String>> {
        let mut all = vec![Vec::new()];
        for (label, values) in &self.labels {
            let each = values.iter().map(|value| format!("{label}=\"{value}\""));
            let choices = if values.is_empty() { vec![format!("{label}=\"")] } else { each.collect() };
            let with = |choice: &String| {
                all.iter()
                    .cloned()
                    .map(|series: Vec<String>| [series, vec![choice.clone()]].concat())
                    .collect::<Vec<_>>()
            };
            all = choices.iter().flat_map(with).collect();
        }
        all
    }

    /// What a scrape lacks of it.
    fn missing_in(&self, scrape: &str) -> Vec<String> {
        let base = self.name.strip_suffix("_total").filter(|_| self.kind == "counter").unwrap_or(&self.name);
        let declared = format!("# TYPE {base} {}", self.kind);
        let sample = if self.kind == "histogram" { format!("{}_count", self.name) } else { self.name.clone() };
        let is_ours = |line: &&str| line.strip_prefix(&sample).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let lines: Vec<&str> = scrape.lines().filter(is_ours).collect();
        let is_there = |series: &Vec<String>| lines.iter().any(|line| series.iter().all(|label| line.contains(label)));
        let missing = self.series().into_iter().filter(|series| !is_there(series));
        let missing = missing.map(|series| format!("{}{{{}}}", self.name, series.join(",")));
        let declaration = (!scrape.lines().any(|line| line == declared)).then_some(declared.clone());
        declaration.into_iter().chain(missing).collect()
    }
}

#[tokio::test]
async fn every_metric_is_there_with_its_labels_from_the_start() {
    let server = serve().await;

    let scrape = server.call("GET", "/metrics", &Value::Null).expect(200).text;

    let promises = promises();
    assert!(promises.len() > 60, "metrics.txt has lost its lines");
    let missing: Vec<String> = promises.iter().flat_map(|promise| promise.missing_in(&scrape)).collect();
    assert!(missing.is_empty(), "{missing:#?}\nare missing in\n{scrape}");
}

#[test]
fn a_missing_label_is_found() {
    let labels = vec![("shard".to_owned(), Vec::new()), ("to".to_owned(), vec!["a".to_owned(), "b".to_owned()])];
    let promise = Promise { kind: "counter".to_owned(), name: "x_total".to_owned(), labels };

    let missing =
        promise.missing_in("# TYPE x counter\nx_total{shard=\"0\",to=\"a\"} 0\nx_totals{shard=\"0\",to=\"b\"} 0");

    assert_eq!(missing, ["x_total{shard=\",to=\"b\"}"]);
}
