//! The report as one HTML file that needs nothing beside it, with the run over time as plots.

use super::{
    report::LoadReport,
    sampler::Sample,
    tally::{Count, Latency},
};
use crate::commands::{
    moment::{Line, Moment, Point},
    plot::Plot,
};

/// The file's text.
pub fn page(report: &LoadReport) -> String {
    let verdict = if report.passed() { "passed" } else { "FAILED" };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>rejoin load {scenario}: {verdict}</title>\n\
         <style>body{{font-family:sans-serif;margin:2em;max-width:60em}}pre{{background:#f5f5f5;padding:1em;overflow:auto}}</style>\n\
         <h1>rejoin load {scenario}: {verdict}</h1>\n<p>{began}</p>\n<pre>{table}</pre>\n",
        scenario = report.scenario,
        began = report.began,
        table = escaped(&report.to_string()),
    );
    for what in Count::ALL.into_iter().filter(|what| report.count(*what) > 0) {
        let line = line(report, |sample| Some(sample.rates[what as usize]));
        let show = |value: f64| format!("{value:.0}/s");
        page += &drawn(report, &format!("{} a second", what.name()), &[line], &[], &show);
    }
    for (what, _) in report.timed() {
        let at = |index: usize| line(report, move |sample| Some(sample.latencies[what as usize]?[index]));
        let show = |value: f64| format!("{value:.1} ms");
        page += &drawn(report, &latency_title(what), &[at(0), at(1), at(2)], &["p50", "p95", "p99"], &show);
    }
    page + "</html>\n"
}

fn latency_title(what: Latency) -> String {
    format!("{} latency, of each second", what.name())
}

fn line(report: &LoadReport, value: impl Fn(&Sample) -> Option<f64>) -> Line {
    let point = |sample: &Sample| Some(Point { at: report.began.plus(sample.at), value: value(sample)? });
    report.samples.iter().filter_map(point).collect()
}

fn drawn(report: &LoadReport, title: &str, lines: &[Line], names: &[&str], show: &dyn Fn(f64) -> String) -> String {
    let to = report.samples.last().map_or(report.began, |sample| report.began.plus(sample.at));
    let to = Moment(to.0.max(report.began.0 + 1.0));
    Plot { title, lines, names, limit: None, from: report.began, to, show }.svg()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests::report, *};

    #[test]
    fn the_page_has_the_table_and_a_plot_of_each_thing_that_was_counted_or_timed() {
        let page = page(&report(&["g <u>: event 3 came again"]));

        assert!(page.contains("<title>rejoin load play: FAILED</title>"), "{page}");
        assert!(page.contains("g &lt;u&gt;: event 3 came again"), "{page}");
        assert!(page.contains(">confirmed a second</text>") && page.contains(">p99</text>"), "{page}");
        assert_eq!((page.matches("<svg ").count(), page.matches("</svg>").count()), (2, 2));
        assert!(!page.contains("src=") && !page.contains("href="), "it needs nothing beside it");
    }
}
