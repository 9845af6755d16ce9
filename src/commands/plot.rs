//! Draws values over time as an SVG file that needs nothing beside it. Pure.

use std::{fmt::Write as _, time::Duration};

use super::moment::{Line, Moment, Point};

/// What is drawn.
pub struct Plot<'a> {
    pub title: &'a str,
    /// One a series.
    pub lines: &'a [Line],
    /// What each line is, where that is to be told; they have colours of their own then.
    pub names: &'a [&'a str],
    /// Where the bound lies, and what it says, where there is one.
    pub limit: Option<(f64, &'a str)>,
    pub from: Moment,
    pub to: Moment,
    /// How a value is written at the axis.
    pub show: &'a dyn Fn(f64) -> String,
}

impl Plot<'_> {
    /// The file's text.
    pub fn svg(&self) -> String {
        let area = Area { from: self.from, to: self.to, top: self.top() };
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        text(&mut svg, (LEFT, 20.0), "start", "font-weight=\"bold\"", self.title);
        self.grid(&mut svg, &area);
        if let Some((limit, words)) = self.limit {
            let y = area.y(limit);
            _ = writeln!(
                svg,
                "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#c62828\" \
                 stroke-width=\"1.5\" stroke-dasharray=\"6 4\"/>"
            );
            text(&mut svg, (RIGHT, 20.0), "end", "fill=\"#c62828\"", words);
        }
        for (index, line) in self.lines.iter().enumerate() {
            let colour = if self.names.is_empty() { COLOURS[0] } else { COLOURS[index % COLOURS.len()] };
            runs(line).into_iter().for_each(|run| draw(&mut svg, &area, run, colour));
        }
        let mut right = RIGHT;
        for (index, name) in self.names.iter().enumerate().rev() {
            let style = format!("fill=\"{}\"", COLOURS[index % COLOURS.len()]);
            text(&mut svg, (right, 20.0), "end", &style, name);
            right -= NAME_WIDTH;
        }
        if self.lines.iter().all(|line| line.is_empty()) {
            text(
                &mut svg,
                (f64::midpoint(LEFT, RIGHT), f64::midpoint(TOP, BOTTOM)),
                "middle",
                "fill=\"#666\"",
                "no data",
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The highest value there is room for: a little above everything, and round.
    fn top(&self) -> f64 {
        let values = self.lines.iter().flatten().map(|point| point.value).filter(|value| value.is_finite());
        let highest = values.fold(self.limit.map_or(0.0, |(limit, _)| limit), f64::max);
        let highest = if highest > 0.0 { highest * 1.05 } else { 1.0 };
        let magnitude = 10_f64.powf(highest.log10().floor());
        let round = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
        round.into_iter().map(|step| step * magnitude).find(|top| *top >= highest).unwrap_or(highest)
    }

    /// Lines behind the values, with what they stand for.
    fn grid(&self, svg: &mut String, area: &Area) {
        let mut below = String::new();
        for step in 0..=ROWS {
            let value = area.top * f64::from(step) / f64::from(ROWS);
            let (y, shown) = (area.y(value), (self.show)(value));
            // There is no half of an event.
            if shown == below {
                continue;
            }
            _ = writeln!(svg, "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>");
            text(svg, (LEFT - 6.0, y + 4.0), "end", "fill=\"#333\"", &shown);
            below = shown;
        }
        for step in 0..=COLUMNS {
            let at = self.from.plus(area.span().mul_f64(f64::from(step) / f64::from(COLUMNS)));
            let (x, clock) = (area.x(at), at.to_string());
            // 2026-11-21T13:40:15Z: the day stands in the report.
            let clock = clock.split('T').next_back().unwrap_or_default();
            text(svg, (x, BOTTOM + 18.0), "middle", "fill=\"#333\"", clock);
        }
    }
}

/// Where a value lies on the sheet.
struct Area {
    from: Moment,
    to: Moment,
    top: f64,
}

impl Area {
    fn span(&self) -> Duration {
        self.to.since(self.from).max(Duration::from_secs(1))
    }

    fn x(&self, at: Moment) -> f64 {
        LEFT + (RIGHT - LEFT) * (at.since(self.from).as_secs_f64() / self.span().as_secs_f64()).min(1.0)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (value / self.top).clamp(0.0, 1.0)
    }
}

/// The stretches of a line without a hole in them: a hole is three times as long as points are apart as a rule.
fn runs(line: &[Point]) -> Vec<&[Point]> {
    let mut apart: Vec<Duration> = line.windows(2).map(|pair| pair[1].at.since(pair[0].at)).collect();
    apart.sort_unstable();
    let hole = apart.get(apart.len() / 2).map_or(Duration::MAX, |usual| usual.saturating_mul(3));
    line.chunk_by(|one, next| next.at.since(one.at) <= hole).collect()
}

fn draw(svg: &mut String, area: &Area, run: &[Point], colour: &str) {
    let points: Vec<String> =
        run.iter().map(|point| format!("{:.1},{:.1}", area.x(point.at), area.y(point.value))).collect();
    match (run, points.as_slice()) {
        ([alone], [_]) => {
            let (x, y) = (area.x(alone.at), area.y(alone.value));
            _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{colour}\"/>");
        }
        (_, points) => {
            let points = points.join(" ");
            _ = writeln!(
                svg,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" \
                 stroke-opacity=\"0.7\"/>"
            );
        }
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{words}</text>");
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 40.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = HEIGHT - 36.0;
const COLOURS: [&str; 3] = ["#1565c0", "#ef6c00", "#2e7d32"];
const NAME_WIDTH: f64 = 90.0;
const ROWS: u8 = 4;
const COLUMNS: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)]) -> Line {
        points.iter().map(|(at, value)| Point { at: Moment(*at), value: *value }).collect()
    }

    fn empty<'a>(title: &'a str, show: &'a dyn Fn(f64) -> String) -> Plot<'a> {
        Plot { title, lines: &[], names: &[], limit: None, from: Moment(0.0), to: Moment(100.0), show }
    }

    fn drawn(lines: &[Line], limit: f64) -> String {
        let show = |value: f64| format!("{value:.2}");
        Plot { limit: Some((limit, "< 1")), lines, ..empty("hits & misses", &show) }.svg()
    }

    /// The points of each polyline.
    fn polylines(svg: &str) -> Vec<&str> {
        svg.split("<polyline points=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
    }

    #[test]
    fn values_lie_where_time_and_scale_put_them() {
        let svg = drawn(&[line(&[(0.0, 0.0), (50.0, 1.0), (100.0, 1.9)])], 1.0);

        assert_eq!(polylines(&svg), ["84.0,224.0 422.0,130.0 760.0,45.4"]);
        assert!(svg.contains(r#"class="limit" x1="84" x2="760" y1="130.0" y2="130.0""#), "{svg}");
        assert!(svg.contains(">2.00</text>") && svg.contains(">00:01:40Z</text>"), "{svg}");
    }

    #[test]
    fn a_hole_in_the_values_is_a_hole_in_the_line() {
        let svg = drawn(&[line(&[(0.0, 1.0), (5.0, 1.0), (10.0, 1.0), (60.0, 1.0), (65.0, 1.0)])], 1.0);

        assert_eq!(polylines(&svg).len(), 2);
    }

    #[test]
    fn each_series_has_a_line_and_a_single_value_a_dot() {
        let svg = drawn(&[line(&[(0.0, 1.0), (5.0, 1.0)]), line(&[(0.0, 2.0), (5.0, 2.0)]), line(&[(9.0, 1.0)])], 1.0);

        assert_eq!((polylines(&svg).len(), svg.matches("<circle").count()), (2, 1));
    }

    #[test]
    fn lines_with_names_have_colours_of_their_own_and_a_limit_is_drawn_where_there_is_one() {
        let show = |value: f64| format!("{value:.0} ms");
        let lines = [line(&[(0.0, 1.0), (5.0, 1.0)]), line(&[(0.0, 2.0), (5.0, 2.0)])];

        let svg = Plot { lines: &lines, names: &["p50", "p99"], ..empty("latency", &show) }.svg();

        for colour in &COLOURS[..2] {
            assert!(
                svg.contains(&format!("stroke=\"{colour}\"")) && svg.contains(&format!("fill=\"{colour}\"")),
                "{svg}"
            );
        }
        assert!(
            svg.contains(">p50</text>") && svg.contains(">p99</text>") && !svg.contains("class=\"limit\""),
            "{svg}"
        );
    }

    #[test]
    fn the_axis_says_nothing_twice() {
        let show = |value: f64| format!("{value:.0} events");
        let plot = empty("t", &show);

        let svg = plot.svg();

        assert_eq!((svg.matches(">0 events<").count(), svg.matches(">1 events<").count()), (1, 1), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let svg = drawn(&[], 0.0);

        assert!(svg.contains(">no data</text>") && svg.contains("class=\"limit\""), "{svg}");
    }

    #[test]
    fn the_file_is_whole_whatever_the_values() {
        let odd = line(&[(0.0, f64::INFINITY), (5.0, -3.0), (7.0, 1e300)]);
        for lines in [vec![], vec![odd], vec![line(&[(3.0, 0.0)])]] {
            let svg = drawn(&lines, 0.0);

            assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
            assert!(svg.contains(">hits &amp; misses</text>") && svg.contains(">&lt; 1</text>"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert_eq!(svg.matches('<').count(), svg.matches('>').count());
            assert_eq!(svg.matches('"').count() % 2, 0);
        }
    }
}
