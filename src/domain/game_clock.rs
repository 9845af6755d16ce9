//! The clocks of one game: whose runs, since when, and what is left on each.
//!
//! Owns the counting, to the millisecond. The time is an argument and may stand still or jump: what a clock counts is
//! the time between the points it was told of, never less than nothing. Knows nothing of connections and stores.

mod order;
mod settings;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

pub use order::{ClockAction, ClockOrder};

use super::{OnDisconnect, Rejection, TimeControl, Timer, Timestamp, UserId, event::ALLOCATION};

/// The clocks of a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GameClock {
    control: Arc<TimeControl>,
    /// In the order of their turns; never empty.
    players: Arc<[UserId]>,
    reading: Reading,
    /// Counts the changes, so that one worked out from an old state is never written over a newer one.
    version: u64,
    /// Until when a node is known to have served the game.
    served_until: Timestamp,
}

/// What the clocks show, and what they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What each player had left at the last change, in the order of their turns.
    pub left: Vec<Duration>,
    /// The place of the player whose turn it is.
    pub turn: usize,
    /// What was left of the turn's delay at the last change.
    pub delay_left: Duration,
    pub state: ClockState,
}

/// What the clock of the player whose turn it is does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// No turn has begun yet.
    Waiting,
    Running {
        since: Timestamp,
    },
    /// The game's backend has stopped it.
    Paused,
    /// It stopped because its player is away.
    Held,
    /// It has reached zero.
    Fallen,
}

/// A clock that has reached zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagFall {
    pub user_id: UserId,
    /// When it reached zero; it may have been noticed later.
    pub at: Timestamp,
}

/// Whether there is anything new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    Yes,
    No,
}

impl GameClock {
    /// Sets up clocks that wait for the first turn.
    ///
    /// # Errors
    /// `NobodyToTime`: the game names no players.
    pub fn new(control: TimeControl, players: &[UserId]) -> Result<Self, Rejection> {
        if players.is_empty() {
            return Err(Rejection::NobodyToTime);
        }
        let pace = control.pace();
        Ok(Self {
            reading: Reading {
                left: vec![pace.total; players.len()],
                turn: 0,
                delay_left: pace.delay,
                state: ClockState::Waiting,
            },
            control: Arc::new(control),
            players: players.into(),
            version: 1,
            served_until: Timestamp::default(),
        })
    }

    /// Puts clocks together from what a store kept. `None` where that is no reading of these players.
    #[must_use]
    pub fn from_store(
        control: TimeControl,
        players: &[UserId],
        reading: Reading,
        version: u64,
        served_until: Timestamp,
    ) -> Option<Self> {
        let fits = reading.left.len() == players.len() && reading.turn < players.len();
        fits.then(|| Self { control: Arc::new(control), players: players.into(), reading, version, served_until })
    }

    #[must_use]
    pub fn control(&self) -> &TimeControl {
        &self.control
    }

    /// What they showed at the last change.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// How often they were changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Until when a node is known to have served the game.
    #[must_use]
    pub fn served_until(&self) -> Timestamp {
        self.served_until
    }

    /// Notes that a node served the game until then.
    pub fn vouch(&mut self, until: Timestamp) {
        self.served_until = self.served_until.max(until);
    }

    /// Whose turn it is, or was when the flag fell.
    #[must_use]
    pub fn active(&self) -> &UserId {
        &self.players[self.reading.turn]
    }

    /// The clocks as of now.
    #[must_use]
    pub fn timer(&self, now: Timestamp) -> Timer {
        let turn = self.reading.turn;
        let spent = self.spent(now);
        let remaining = self.players.iter().zip(&self.reading.left).enumerate().map(|(index, (user_id, left))| {
            let spent = if index == turn { spent } else { Duration::ZERO };
            (user_id.clone(), left.saturating_sub(spent))
        });
        let (active, paused) = match self.reading.state {
            ClockState::Running { .. } => (Some(self.active()), false),
            ClockState::Waiting | ClockState::Paused | ClockState::Held => (Some(self.active()), true),
            ClockState::Fallen => (None, false),
        };
        Timer {
            active: active.cloned(),
            remaining: remaining.collect(),
            paused,
            control: Arc::clone(&self.control),
            at: now,
        }
    }

    /// When the running clock reaches zero.
    #[must_use]
    pub fn zero_at(&self) -> Option<Timestamp> {
        let Reading { left, turn, delay_left, .. } = &self.reading;
        self.running_since().map(|since| since.plus(*delay_left).plus(left[*turn]))
    }

    /// Since when a clock runs, where one does.
    #[must_use]
    pub fn running_since(&self) -> Option<Timestamp> {
        match self.reading.state {
            ClockState::Running { since } => Some(since),
            ClockState::Waiting | ClockState::Paused | ClockState::Held | ClockState::Fallen => None,
        }
    }

    /// What the running clock has lost since the last change.
    fn spent(&self, now: Timestamp) -> Duration {
        let elapsed = self.running_since().map_or(Duration::ZERO, |since| now.since(since));
        elapsed.saturating_sub(self.reading.delay_left)
    }

    /// Takes off what the running clock has lost by now.
    fn take_off(&mut self, now: Timestamp) {
        let Some(since) = self.running_since() else { return };
        let spent = self.spent(now);
        let Reading { left, turn, delay_left, state } = &mut self.reading;
        left[*turn] = left[*turn].saturating_sub(spent);
        *delay_left = delay_left.saturating_sub(now.since(since));
        *state = ClockState::Running { since: now };
    }

    fn changed(&mut self) -> Changed {
        self.version += 1;
        Changed::Yes
    }

    fn place_of(&self, user: &UserId, named_by: &'static str) -> Result<usize, Rejection> {
        self.players.iter().position(|player| player == user).ok_or(Rejection::NoPlayer(named_by))
    }

    fn pass_to(&mut self, turn: usize) {
        self.reading.turn = turn;
        self.reading.delay_left = self.control.pace().delay;
    }

    /// Ends the turn of a user: what it took less the delay is taken off, the increment added. The clock passes to `next`,
    /// or to the following player; the first turn to end starts it. One that is paused stays so.
    ///
    /// # Errors
    /// `FlagFallen`, `NotYourTurn`, `NoPlayer`: nothing was changed.
    pub fn end_turn(&mut self, user: Option<&UserId>, next: Option<&UserId>, now: Timestamp) -> Result<(), Rejection> {
        if self.reading.state == ClockState::Fallen || self.zero_at().is_some_and(|zero| zero <= now) {
            return Err(Rejection::FlagFallen);
        }
        if user != Some(self.active()) {
            return Err(Rejection::NotYourTurn);
        }
        let following = (self.reading.turn + 1) % self.players.len();
        let next = next.map_or(Ok(following), |next| self.place_of(next, "next"))?;
        self.take_off(now);
        let left = &mut self.reading.left[self.reading.turn];
        *left = left.saturating_add(self.control.pace().increment);
        self.pass_to(next);
        match self.reading.state {
            ClockState::Waiting | ClockState::Running { .. } | ClockState::Held => {
                self.reading.state = ClockState::Running { since: now };
            }
            ClockState::Paused | ClockState::Fallen => {}
        }
        self.changed();
        Ok(())
    }

    /// Lets the flag fall, where the running clock has reached zero by now.
    pub fn fall(&mut self, now: Timestamp) -> Option<FlagFall> {
        let at = self.zero_at().filter(|zero| *zero <= now)?;
        self.take_off(at);
        self.reading.state = ClockState::Fallen;
        self.changed();
        Some(FlagFall { user_id: self.active().clone(), at })
    }

    /// Lets the clock of whoever has the turn run from now on.
    ///
    /// # Errors
    /// `FlagFallen`.
    pub fn run(&mut self, now: Timestamp) -> Result<Changed, Rejection> {
        match self.reading.state {
            ClockState::Fallen => Err(Rejection::FlagFallen),
            ClockState::Running { .. } => Ok(Changed::No),
            ClockState::Waiting | ClockState::Paused | ClockState::Held => {
                self.reading.state = ClockState::Running { since: now };
                Ok(self.changed())
            }
        }
    }

    /// Stops every clock until it is told to run.
    pub fn pause(&mut self, now: Timestamp) -> Changed {
        match self.reading.state {
            ClockState::Fallen | ClockState::Paused => Changed::No,
            ClockState::Waiting | ClockState::Running { .. } | ClockState::Held => {
                self.stop(ClockState::Paused, now);
                self.changed()
            }
        }
    }

    /// Stops the running clock, as of `at`, because its player is away.
    pub fn hold(&mut self, at: Timestamp) -> Changed {
        if self.running_since().is_none() {
            return Changed::No;
        }
        self.stop(ClockState::Held, at);
        self.changed()
    }

    fn stop(&mut self, state: ClockState, at: Timestamp) {
        self.take_off(at);
        self.reading.state = state;
    }

    /// Makes good for the time that nobody served the game, when it was loaded: a clock that pauses without its player had
    /// stopped when it was last served. One served within `lease` still is. This is no change: whoever loads it next, sees
    /// the same.
    pub fn resume_service(&mut self, lease: Duration, now: Timestamp) {
        let Some(since) = self.running_since() else { return };
        let served_until = self.served_until.max(since);
        let stopped = match self.control.on_disconnect() {
            OnDisconnect::Run => false,
            OnDisconnect::Pause => served_until.plus(lease) < now,
        };
        if stopped && self.zero_at().is_some_and(|zero| zero > served_until) {
            self.stop(ClockState::Held, served_until);
        }
    }

    /// Memory that the clocks take, in bytes.
    #[must_use]
    pub fn accounted_bytes(&self) -> usize {
        let names: usize = self.players.iter().map(|player| player.as_str().len() + ALLOCATION).sum();
        let types: usize = self.control.turn_types().iter().map(|kind| kind.as_str().len() + ALLOCATION).sum();
        let lists = self.players.len() * (size_of::<UserId>() + size_of::<Duration>());
        size_of::<Self>() + size_of::<TimeControl>() + lists + names + types + 5 * ALLOCATION
    }
}
