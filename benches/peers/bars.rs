//! Draws one value each as a bar, as an SVG file that needs nothing beside it and is read in light and in dark. Pure.

use std::fmt::Write as _;

/// A bar: its name, its value, and what is written behind it.
pub struct Bar {
    pub name: String,
    pub value: f64,
    pub words: String,
}

/// The file's text. The longest bar takes all the room there is.
pub fn svg(title: &str, bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.value).filter(|value| value.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
    let height = bars.iter().fold(TOP, |height, _| height + ROW) + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{title}\" font-family=\"sans-serif\" font-size=\"13\">\n{STYLE}\n\
         <rect class=\"sheet\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text x=\"12\" y=\"24\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    let mut top = TOP;
    for bar in bars {
        let length = if bar.value.is_finite() { (bar.value / longest * ROOM).max(1.0) } else { 0.0 };
        let class = if bar.name.starts_with("Rejoin") { "own" } else { "peer" };
        let (middle, behind) = (top + ROW / 2.0, LEFT + length + 8.0);
        _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"18\" rx=\"2\"/>\n\
             <text x=\"{behind:.1}\" y=\"{:.0}\">{}</text>",
            LEFT - 8.0,
            middle + 4.0,
            escaped(&bar.name),
            middle - 9.0,
            middle + 4.0,
            escaped(&bar.words)
        );
        top += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const WIDTH: f64 = 800.0;
const LEFT: f64 = 220.0;
/// Leaves place for the words behind the longest bar.
const ROOM: f64 = WIDTH - LEFT - 190.0;
const TOP: f64 = 40.0;
const ROW: f64 = 28.0;
const STYLE: &str = "<style>.sheet{fill:#fff}text{fill:#222}.own{fill:#1565c0}.peer{fill:#8d8d8d}\
    @media(prefers-color-scheme:dark){.sheet{fill:#0d1117}text{fill:#e6e6e6}.own{fill:#64a5f0}.peer{fill:#777}}</style>";
