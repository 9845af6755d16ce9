//! How much time the players of a game have, and how it is spent: what a game's backend sets once.
//!
//! Owns the presets and the limits of every setting. What is left of the time is the clock's.

use std::time::Duration;

use super::EventType;

/// The time control of a game. Every span is a whole number of milliseconds, no longer than [`MAX_SPAN`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeControl {
    preset: Preset,
    pace: Pace,
    turn_types: Vec<EventType>,
    on_disconnect: OnDisconnect,
    grace: Duration,
}

/// A time control's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    Blitz,
    Normal,
    Long,
    /// With spans of its own.
    Custom,
}

/// How much time there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// What each player starts with.
    pub total: Duration,
    /// What each turn brings once it has ended.
    pub increment: Duration,
    /// How long a turn lasts before it costs anything.
    pub delay: Duration,
}

/// What becomes of a player's clock when the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    Run,
    /// It stops after the grace, and runs again once the player is back.
    Pause,
}

/// The longest span: a year. Beyond it a setting is a mistake.
pub const MAX_SPAN: Duration = Duration::from_hours(365 * 24);
/// How long a clock runs on after its player's connection was lost, where nothing else is said.
pub const GRACE: Duration = Duration::from_secs(15);
/// Types of events that end a turn, in one game.
const MAX_TURN_TYPES: usize = 16;
/// What ends a turn where nothing else is said.
const TURN_TYPE: &str = "move";

/// Why settings are no time control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidControl {
    #[error("totalTimeMs: expected 1 to {}", MAX_SPAN.as_millis())]
    Total,
    #[error("{0}: at most {ms}", ms = MAX_SPAN.as_millis())]
    TooLong(&'static str),
    #[error("turnTypes: expected 1 to {MAX_TURN_TYPES} types")]
    TurnTypes,
}

impl TimeControl {
    /// The control of a preset, or of a pace of its own. Its turns end with a `move`, its clocks run on without players.
    ///
    /// # Errors
    /// `Total`, `TooLong`: a span is out of bounds.
    pub fn new(preset: Preset, own: Pace) -> Result<Self, InvalidControl> {
        let pace = preset.pace().unwrap_or(own);
        if pace.total.is_zero() || pace.total > MAX_SPAN {
            return Err(InvalidControl::Total);
        }
        within("incrementMs", pace.increment)?;
        within("delayMs", pace.delay)?;
        let turn_types = vec![EventType::parse(TURN_TYPE).expect("a good type")];
        Ok(Self { preset, pace, turn_types, on_disconnect: OnDisconnect::Run, grace: GRACE })
    }

    /// With other types of events that end a turn.
    ///
    /// # Errors
    /// `TurnTypes`: none, or too many.
    pub fn ended_by(self, turn_types: Vec<EventType>) -> Result<Self, InvalidControl> {
        if !(1..=MAX_TURN_TYPES).contains(&turn_types.len()) {
            return Err(InvalidControl::TurnTypes);
        }
        Ok(Self { turn_types, ..self })
    }

    /// With something else to be done when the player's connection is lost.
    ///
    /// # Errors
    /// `TooLong`: the grace is out of bounds.
    pub fn without_player(self, on_disconnect: OnDisconnect, grace: Duration) -> Result<Self, InvalidControl> {
        within("graceMs", grace)?;
        Ok(Self { on_disconnect, grace, ..self })
    }

    #[must_use]
    pub fn preset(&self) -> Preset {
        self.preset
    }

    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// What ends a turn.
    #[must_use]
    pub fn turn_types(&self) -> &[EventType] {
        &self.turn_types
    }

    /// Whether an event of this type ends its sender's turn.
    #[must_use]
    pub fn ends_turn(&self, event_type: &EventType) -> bool {
        self.turn_types.contains(event_type)
    }

    #[must_use]
    pub fn on_disconnect(&self) -> OnDisconnect {
        self.on_disconnect
    }

    #[must_use]
    pub fn grace(&self) -> Duration {
        self.grace
    }
}

fn within(name: &'static str, span: Duration) -> Result<(), InvalidControl> {
    if span > MAX_SPAN { Err(InvalidControl::TooLong(name)) } else { Ok(()) }
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 4] = [Self::Blitz, Self::Normal, Self::Long, Self::Custom];

    /// The preset's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blitz => "BLITZ",
            Self::Normal => "NORMAL",
            Self::Long => "LONG",
            Self::Custom => "CUSTOM",
        }
    }

    /// The preset's own pace, where it has one.
    #[must_use]
    pub fn pace(self) -> Option<Pace> {
        let pace = |total, increment| Pace {
            total: Duration::from_secs(total),
            increment: Duration::from_secs(increment),
            delay: Duration::ZERO,
        };
        match self {
            Self::Blitz => Some(pace(180, 0)),
            Self::Normal => Some(pace(600, 1)),
            Self::Long => Some(pace(1_200, 2)),
            Self::Custom => None,
        }
    }
}

impl OnDisconnect {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Run, Self::Pause];

    /// The choice's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Pause => "pause",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn pace(total: Duration, increment: Duration, delay: Duration) -> Pace {
        Pace { total, increment, delay }
    }

    #[test]
    fn a_preset_has_its_own_pace() {
        let whatever = pace(MS, MS, MS);

        let normal = TimeControl::new(Preset::Normal, whatever).unwrap();
        let custom = TimeControl::new(Preset::Custom, whatever).unwrap();

        assert_eq!(normal.pace(), pace(600_000 * MS, 1_000 * MS, Duration::ZERO));
        assert_eq!(custom.pace(), whatever);
    }

    #[test]
    fn every_span_has_its_bounds() {
        let over = MAX_SPAN + MS;
        for (pace, refused) in [
            (pace(Duration::ZERO, MS, MS), InvalidControl::Total),
            (pace(over, MS, MS), InvalidControl::Total),
            (pace(MS, over, MS), InvalidControl::TooLong("incrementMs")),
            (pace(MS, MS, over), InvalidControl::TooLong("delayMs")),
        ] {
            assert_eq!(TimeControl::new(Preset::Custom, pace), Err(refused));
        }
        let longest = TimeControl::new(Preset::Custom, pace(MAX_SPAN, MAX_SPAN, MAX_SPAN)).unwrap();
        assert!(longest.clone().without_player(OnDisconnect::Pause, MAX_SPAN).is_ok());
        assert!(longest.without_player(OnDisconnect::Pause, over).is_err());
    }

    #[test]
    fn a_turn_ends_with_one_of_up_to_sixteen_types() {
        let control = || TimeControl::new(Preset::Blitz, pace(MS, MS, MS)).unwrap();
        let named = |name: &str| EventType::parse(name).unwrap();
        let roll = control().ended_by(vec![named("roll"), named("cube")]).unwrap();

        assert!(control().ends_turn(&named("move")) && !control().ends_turn(&named("chat")));
        assert!(roll.ends_turn(&named("cube")) && !roll.ends_turn(&named("move")));
        assert_eq!(control().ended_by(Vec::new()), Err(InvalidControl::TurnTypes));
        assert_eq!(control().ended_by(vec![named("x"); 17]), Err(InvalidControl::TurnTypes));
    }
}
