//! How long to wait before dialling again: exponential, with full jitter.

use std::time::Duration;

use uuid::Uuid;

/// The pauses between attempts to reconnect.
///
/// # Defaults
/// Between nothing and 250 ms before the second attempt, the upper end doubling up to 20 s, and starting over once a
/// connection has held for 30 s.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns how long to wait now, given how long the connection that just ended had held (zero where there was none).
    pub fn pause(&mut self, held: Duration) -> Duration {
        self.ceiling(held).mul_f64(fraction())
    }

    /// Counts a failure and returns the longest pause it may cost.
    fn ceiling(&mut self, held: Duration) -> Duration {
        if held >= STEADY {
            self.failures = 0;
        }
        let ceiling = BASE.saturating_mul(2u32.saturating_pow(self.failures)).min(CAP);
        self.failures = self.failures.saturating_add(1);
        ceiling
    }
}

/// A random number from 0 up to, but not including, 1.
#[expect(clippy::cast_precision_loss, reason = "neither number has more bits than a mantissa")]
fn fraction() -> f64 {
    const BITS: u32 = f64::MANTISSA_DIGITS;
    // The low 62 bits of a version 4 UUID are all random.
    let random = Uuid::new_v4().as_u64_pair().1 & ((1 << BITS) - 1);
    random as f64 / (1u64 << BITS) as f64
}

const BASE: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(20);
const STEADY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_from_250_ms_to_20_s() {
        let mut backoff = Backoff::default();

        let ceilings: Vec<u128> = (0..9).map(|_| backoff.ceiling(Duration::ZERO).as_millis()).collect();

        assert_eq!(ceilings, [250, 500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
    }

    #[test]
    fn a_connection_that_held_for_30_s_starts_over() {
        let mut backoff = Backoff::default();
        backoff.ceiling(Duration::ZERO);
        backoff.ceiling(Duration::from_secs(29));

        assert_eq!(backoff.ceiling(Duration::from_secs(30)), BASE);
    }

    #[test]
    fn pauses_are_spread_below_the_ceiling() {
        let pauses: Vec<Duration> = (0..200).map(|_| Backoff::default().pause(Duration::ZERO)).collect();

        assert!(pauses.iter().all(|pause| *pause < BASE));
        assert!(pauses.iter().any(|pause| *pause < BASE / 4));
        assert!(pauses.iter().any(|pause| *pause > BASE / 4 * 3));
    }
}
