//! A memory budget that was lowered: how much of what is over it goes at a time.
//!
//! To let go of a gigabyte of games takes a while, and a shard that does so in one turn answers nobody meanwhile.

/// Ticks that it takes. There are ten a second at least, also under load: memory is within its budget after 3.2 s at most.
const SLICES: usize = 32;

/// The way from what is in memory to the budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shrinking {
    goal: usize,
    slice: usize,
}

impl Shrinking {
    /// There is nothing over this budget.
    pub(super) fn met(goal: usize) -> Self {
        Self { goal, slice: 0 }
    }

    /// From so many bytes to a budget.
    pub(super) fn toward(goal: usize, bytes: usize) -> Self {
        Self { goal, slice: bytes.saturating_sub(goal).div_ceil(SLICES) }
    }

    /// The budget to be kept until the next tick, after this one and with so many bytes in memory.
    pub(super) fn next(self, budget: usize, bytes: usize) -> usize {
        self.goal.max(budget.min(bytes).saturating_sub(self.slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lowered_budget_is_met_slice_by_slice() {
        let shrinking = Shrinking::toward(100, 1_000);

        let (mut budget, mut bytes, mut ticks) = (5_000, 1_000, 0);
        while budget > 100 {
            let before = bytes;
            budget = shrinking.next(budget, bytes);
            bytes = bytes.min(budget);
            ticks += 1;
            assert!(before - bytes <= 900_usize.div_ceil(SLICES));
        }

        assert!(ticks <= SLICES, "{ticks}");
        assert_eq!((shrinking.next(budget, bytes), bytes), (100, 100));
    }

    #[test]
    fn a_raised_budget_and_one_that_is_met_hold_at_once() {
        assert_eq!(Shrinking::toward(500, 200).next(300, 200), 500);
        assert_eq!(Shrinking::toward(250, 200).next(300, 200), 250);
        assert_eq!(Shrinking::met(300).next(300, 300), 300);
    }
}
