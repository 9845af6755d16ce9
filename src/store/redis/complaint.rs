//! Log lines about what may happen a thousand times a second.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

const APART: Duration = Duration::from_secs(1);

/// Lets one line a second through.
#[derive(Default)]
pub(super) struct Complaint {
    last: Mutex<Option<Instant>>,
}

impl Complaint {
    /// Whether it is time for a line.
    pub(super) fn is_due(&self) -> bool {
        let (mut last, now) = (self.last.lock(), Instant::now());
        let due = last.is_none_or(|last| now.duration_since(last) >= APART);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_a_second_is_let_through() {
        let complaint = Complaint::default();
        assert!(complaint.is_due());
        assert!(!complaint.is_due());

        tokio::time::advance(APART).await;

        assert!(complaint.is_due());
        assert!(!complaint.is_due());
    }
}
