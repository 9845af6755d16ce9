//! What a game's backend tells its clocks to do.

use std::time::Duration;

use super::GameClock;
use crate::domain::{Rejection, Timestamp, UserId};

/// What a game's backend tells its clocks to do: first these settings, then that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockOrder {
    pub action: ClockAction,
    /// Who is to have the turn.
    pub active: Option<UserId>,
    /// What these players are to have left.
    pub remaining: Vec<(UserId, Duration)>,
}

/// What to do once everything is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockAction {
    Run,
    Pause,
    /// No more than to set.
    Set,
}

impl ClockOrder {
    /// Does it. Clocks that are so already stay unchanged.
    ///
    /// # Errors
    /// What [`GameClock::set`] and [`GameClock::run`] refuse. The clock is then to be thrown away.
    pub fn obey(&self, clock: &mut GameClock, now: Timestamp) -> Result<(), Rejection> {
        clock.set(self.active.as_ref(), &self.remaining, now)?;
        match self.action {
            ClockAction::Run => clock.run(now).map(drop),
            ClockAction::Pause => {
                clock.pause(now);
                Ok(())
            }
            ClockAction::Set => Ok(()),
        }
    }
}
