//! Random numbers that can be had again: by the seed that is printed.

use std::{env, time::Duration};

use uuid::Uuid;

/// A stream of random numbers (SplitMix64).
pub struct Chance(u64);

impl Chance {
    /// Starts from `TEST_SEED` where that is set, else anywhere, and prints where.
    pub fn announced() -> Self {
        let seed = env::var("TEST_SEED").map_or_else(|_| Uuid::new_v4().as_u64_pair().0, |seed| seed.parse().unwrap());
        println!("TEST_SEED={seed} gives these random numbers again");
        Self(seed)
    }

    /// Another stream, for somebody who draws at his own pace.
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A time below `limit`, in whole milliseconds.
    pub fn millis_below(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
