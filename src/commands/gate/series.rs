//! Values over time, and what is made of them before they are judged.

use std::time::Duration;

use crate::commands::moment::{Line, Moment, Point};

/// How high a value stayed: at each point the lowest of those since `span` before. A peak that was over sooner leaves no
/// trace, also where it was scraped but once; where nothing is known of so long a time, there is no point.
pub fn sustained(line: &[Point], span: Duration) -> Line {
    let mut first = 0;
    let mut points = Line::new();
    for (index, point) in line.iter().enumerate() {
        // The newest point that is old enough begins the span.
        while first < index && line[first + 1].at <= point.at.minus(span) {
            first += 1;
        }
        if line[first].at <= point.at.minus(span) {
            let lowest = line[first..=index].iter().map(|point| point.value).fold(f64::INFINITY, f64::min);
            points.push(Point { value: lowest, ..*point });
        }
    }
    points
}

/// How much a counter has grown since `from`. One that starts over has grown by what it shows then.
pub fn growth(line: &[Point], from: Moment) -> Line {
    // What was counted before is known from the last point before.
    let start = line.iter().rposition(|point| point.at <= from).unwrap_or(0);
    let mut grown = 0.0;
    let mut points = Line::new();
    let mut before = None;
    for point in line.iter().skip(start) {
        grown += match before {
            None => 0.0,
            Some(before) if point.value < before => point.value,
            Some(before) => point.value - before,
        };
        before = Some(point.value);
        points.push(Point { at: if point.at < from { from } else { point.at }, value: grown });
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(5);

    fn line(points: &[(f64, f64)]) -> Line {
        points.iter().map(|(at, value)| Point { at: Moment(*at), value: *value }).collect()
    }

    fn every_second(values: &[f64]) -> Line {
        (0_u32..).zip(values).map(|(at, value)| Point { at: Moment(at.into()), value: *value }).collect()
    }

    fn highest(line: Line) -> Option<f64> {
        line.into_iter().map(|point| point.value).reduce(f64::max)
    }

    #[test]
    fn a_peak_of_five_samples_in_five_seconds_leaves_no_trace() {
        let peak = every_second(&[1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 1.0]);

        assert_eq!(highest(sustained(&peak, SPAN)), Some(1.0));
    }

    #[test]
    fn what_stays_for_five_seconds_counts() {
        let stays = every_second(&[1.0, 1.0, 9.0, 8.0, 9.0, 7.0, 9.0, 9.0, 1.0]);

        assert_eq!(sustained(&stays, SPAN)[2], Point { at: Moment(7.0), value: 7.0 });
    }

    #[test]
    fn one_high_sample_between_scrapes_far_apart_counts_for_nothing_and_two_do() {
        let once = line(&[(0.0, 1.0), (15.0, 9.0), (30.0, 1.0)]);
        let twice = line(&[(0.0, 1.0), (15.0, 9.0), (30.0, 8.0), (45.0, 1.0)]);

        assert_eq!(highest(sustained(&once, SPAN)), Some(1.0));
        assert_eq!(highest(sustained(&twice, SPAN)), Some(8.0));
    }

    #[test]
    fn of_less_than_the_span_nothing_is_known() {
        assert_eq!(sustained(&every_second(&[9.0, 9.0, 9.0, 9.0, 9.0]), SPAN), []);
        assert_eq!(sustained(&[], SPAN), []);
    }

    #[test]
    fn growth_begins_with_the_last_sample_before() {
        let counter = line(&[(0.0, 3.0), (9.0, 5.0), (19.0, 6.0), (29.0, 6.0)]);

        let grown = growth(&counter, Moment(10.0));

        assert_eq!(grown, line(&[(10.0, 0.0), (19.0, 1.0), (29.0, 1.0)]));
    }

    #[test]
    fn a_counter_that_starts_over_has_not_shrunk() {
        let counter = line(&[(10.0, 5.0), (20.0, 2.0), (30.0, 3.0)]);

        assert_eq!(highest(growth(&counter, Moment(0.0))), Some(3.0));
    }
}
