//! Bounds of the histograms, in seconds: three to a decade, up to 10 s.

/// From 50 µs: for what happens within the process.
#[must_use]
pub fn from_50_microseconds() -> impl Iterator<Item = f64> {
    [0.000_05, 0.000_1, 0.000_2].into_iter().chain(from_500_microseconds())
}

/// From 500 µs: for what reaches a disk or a client.
#[must_use]
pub fn from_500_microseconds() -> impl Iterator<Item = f64> {
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0]
        .into_iter()
}
