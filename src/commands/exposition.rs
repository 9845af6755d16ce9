//! Reads the text that `/metrics` serves, as far as one who looks at a server needs it: names, labels, values.

use std::collections::BTreeMap;

/// What was scraped once.
#[derive(Debug, Default)]
pub struct Exposition(Vec<Series>);

#[derive(Debug)]
struct Series {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Exposition {
    /// Reads what can be read; lines that are no samples are passed over.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.starts_with('#')).filter_map(series).collect())
    }

    /// Whether there was nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of all series of this name that carry these labels; `None` where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let carries = |series: &Series| labels.iter().all(|(label, value)| series.label(label) == Some(value));
        let values = self.0.iter().filter(|series| series.name == name && carries(series)).map(|series| series.value);
        values.reduce(|sum, value| sum + value)
    }

    /// The sums of this name's series, by the value of a label.
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<&str, f64> {
        let mut sums = BTreeMap::new();
        for series in self.0.iter().filter(|series| series.name == name) {
            if let Some(value) = series.label(label) {
                *sums.entry(value).or_default() += series.value;
            }
        }
        sums
    }
}

impl Series {
    fn label(&self, label: &str) -> Option<&str> {
        self.labels.iter().find(|(name, _)| name == label).map(|(_, value)| value.as_str())
    }
}

/// `name value`, or `name{label="value",…} value`; what follows the value, a time or an exemplar, is not needed.
fn series(line: &str) -> Option<Series> {
    let end = line.find(|sign: char| sign == '{' || sign.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Series { name: name.to_owned(), labels, value })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.push((name.trim().to_owned(), value));
        text = rest;
    }
}

/// A text up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match signs.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP cache_hits Commands that found their game in memory.
# TYPE cache_hits counter
cache_hits_total{shard="0"} 7
cache_hits_total{shard="1"} 5
ws_messages_total{direction="in",kind="event"} 3 1700000000
ws_messages_total{direction="in",kind="ack"} 2
ws_messages_total{direction="out",kind="event"} 8
cache_shard_imbalance 0.25
redis_latency_seconds_bucket{le="+Inf",command="read"} 4 # {trace="x y"} 0.5
odd{text="a \"b\" \\ }{,= \n"} 1e3
# EOF
"#;

    #[test]
    fn values_are_found_by_name_and_labels() {
        let text = Exposition::parse(TEXT);

        assert_eq!(text.sum("cache_shard_imbalance", &[]), Some(0.25));
        assert_eq!(text.sum("cache_hits_total", &[]), Some(12.0));
        assert_eq!(text.sum("cache_hits_total", &[("shard", "1")]), Some(5.0));
        assert_eq!(text.sum("ws_messages_total", &[("kind", "event"), ("direction", "in")]), Some(3.0));
        assert_eq!(text.sum("redis_latency_seconds_bucket", &[("le", "+Inf")]), Some(4.0));
    }

    #[test]
    fn what_is_not_there_is_not_zero() {
        let text = Exposition::parse(TEXT);

        assert_eq!(text.sum("cache_hits", &[]), None);
        assert_eq!(text.sum("cache_hits_total", &[("shard", "2")]), None);
    }

    #[test]
    fn values_are_added_up_by_a_label() {
        let text = Exposition::parse(TEXT);

        assert_eq!(text.by("ws_messages_total", "direction"), BTreeMap::from([("in", 5.0), ("out", 8.0)]));
        assert_eq!(text.by("cache_shard_imbalance", "shard"), BTreeMap::new());
    }

    #[test]
    fn a_label_may_hold_anything() {
        let text = Exposition::parse(TEXT);

        assert_eq!(text.sum("odd", &[("text", "a \"b\" \\ }{,= \n")]), Some(1000.0));
    }

    #[test]
    fn what_is_no_exposition_is_passed_over() {
        let broken = "<html>\n\nname\nname{label} 1\nname{label=\"open 1\nname{a=\"b\"\nname{a=\"b\"} much\ngood 1\n";

        let text = Exposition::parse(broken);

        assert_eq!((text.sum("name", &[]), text.sum("good", &[])), (None, Some(1.0)));
        assert!(Exposition::parse("<p>Not found</p>").is_empty());
    }
}
