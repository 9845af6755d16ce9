//! What a game's backend may change of its clocks while it is played.

use std::{sync::Arc, time::Duration};

use super::{Changed, ClockState, GameClock};
use crate::domain::{Rejection, TimeControl, Timestamp, UserId, time_control::MAX_SPAN};

impl GameClock {
    /// Gives the turn to `active` and these times to these players. A flag that had fallen stands again where whoever has
    /// the turn has time again; the clock is paused then.
    ///
    /// # Errors
    /// `NoPlayer`, `SpanTooLong`: nothing was changed.
    pub fn set(
        &mut self,
        active: Option<&UserId>,
        remaining: &[(UserId, Duration)],
        now: Timestamp,
    ) -> Result<Changed, Rejection> {
        let turn = active.map(|user| self.place_of(user, "active")).transpose()?;
        let mut given = Vec::with_capacity(remaining.len());
        for (user, left) in remaining {
            if *left > MAX_SPAN {
                return Err(Rejection::SpanTooLong("remainingMs"));
            }
            given.push((self.place_of(user, "remainingMs")?, *left));
        }
        let before = self.reading.clone();
        self.take_off(now);
        for (index, left) in given {
            self.reading.left[index] = left;
        }
        if let Some(turn) = turn.filter(|turn| *turn != self.reading.turn) {
            self.pass_to(turn);
        }
        let has_time = !self.reading.left[self.reading.turn].is_zero();
        if self.reading.state == ClockState::Fallen && has_time {
            self.reading.state = ClockState::Paused;
        }
        Ok(if self.reading == before { Changed::No } else { self.changed() })
    }

    /// Counts by another control from now on. Clocks that have not started yet begin anew with it; others keep what is left.
    pub fn change_control(&mut self, control: TimeControl, now: Timestamp) -> Changed {
        if *self.control == control {
            return Changed::No;
        }
        self.take_off(now);
        let pace = control.pace();
        if self.reading.state == ClockState::Waiting {
            self.reading.left.fill(pace.total);
            self.reading.delay_left = pace.delay;
        }
        self.reading.delay_left = self.reading.delay_left.min(pace.delay);
        self.control = Arc::new(control);
        self.changed()
    }

    /// Times these players from now on: those who stay keep what they have left, those who come get what everyone began
    /// with. Until the first turn has begun, it is the first one's.
    ///
    /// # Errors
    /// `NobodyToTime`; `ActivePlayerLeft`: whoever has the turn is not among them. Nothing was changed.
    pub fn change_players(&mut self, players: &[UserId]) -> Result<Changed, Rejection> {
        if *players == *self.players {
            return Ok(Changed::No);
        }
        if players.is_empty() {
            return Err(Rejection::NobodyToTime);
        }
        let turn = match self.reading.state {
            ClockState::Waiting => 0,
            ClockState::Running { .. } | ClockState::Paused | ClockState::Held | ClockState::Fallen => {
                let active = self.active();
                players.iter().position(|player| player == active).ok_or(Rejection::ActivePlayerLeft)?
            }
        };
        let total = self.control.pace().total;
        let left_of = |player: &UserId| {
            let place = self.players.iter().position(|known| known == player);
            place.map_or(total, |place| self.reading.left[place])
        };
        self.reading.left = players.iter().map(left_of).collect();
        self.reading.turn = turn;
        self.players = players.into();
        Ok(self.changed())
    }
}
