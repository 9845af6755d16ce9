//! Clocks as text: what a game's backend has set stands apart from what changes with every turn.

use std::time::Duration;

use diesel::{QueryResult, result::Error};
use serde::{Deserialize, Serialize};

use super::rows::{to_number, unreadable};
use crate::domain::{
    ClockState, EventType, GameClock, OnDisconnect, Pace, Preset, Reading, TimeControl, Timestamp, UserId,
};

/// The columns of a game's clocks.
pub(in crate::store) struct ClockColumns<'r> {
    pub(in crate::store) time_control: Option<&'r str>,
    pub(in crate::store) clock: Option<&'r str>,
    pub(in crate::store) version: i64,
    pub(in crate::store) served_until: i64,
}

/// What a game's backend has set. Spans are in milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ControlText {
    preset: String,
    total_time_ms: u64,
    increment_ms: u64,
    delay_ms: u64,
    turn_types: Vec<String>,
    on_disconnect: String,
    grace_ms: u64,
}

/// What the clocks showed at their last change. Players in the order of their turns.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadingText {
    left: Vec<u64>,
    turn: usize,
    delay_left: u64,
    #[serde(flatten)]
    state: StateText,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum StateText {
    Waiting,
    Running { since: i64 },
    Paused,
    Held,
    Fallen,
}

pub(in crate::store) fn control_to_text(control: &TimeControl) -> QueryResult<String> {
    let pace = control.pace();
    to_text(&ControlText {
        preset: control.preset().as_str().to_owned(),
        total_time_ms: millis(pace.total),
        increment_ms: millis(pace.increment),
        delay_ms: millis(pace.delay),
        turn_types: control.turn_types().iter().map(EventType::to_string).collect(),
        on_disconnect: control.on_disconnect().as_str().to_owned(),
        grace_ms: millis(control.grace()),
    })
}

pub(in crate::store) fn reading_to_text(reading: &Reading) -> QueryResult<String> {
    to_text(&ReadingText {
        left: reading.left.iter().copied().map(millis).collect(),
        turn: reading.turn,
        delay_left: millis(reading.delay_left),
        state: match reading.state {
            ClockState::Waiting => StateText::Waiting,
            ClockState::Running { since } => StateText::Running { since: since.as_millis() },
            ClockState::Paused => StateText::Paused,
            ClockState::Held => StateText::Held,
            ClockState::Fallen => StateText::Fallen,
        },
    })
}

/// Reads the clocks of these players; `None` where the game has none.
pub(in crate::store) fn read(columns: &ClockColumns<'_>, players: &[UserId]) -> QueryResult<Option<GameClock>> {
    let Some((control, reading)) = columns.time_control.zip(columns.clock) else { return Ok(None) };
    let control = read_control(serde_json::from_str(control).map_err(unreadable)?)?;
    let ReadingText { left, turn, delay_left, state } = serde_json::from_str(reading).map_err(unreadable)?;
    let reading = Reading {
        left: left.into_iter().map(Duration::from_millis).collect(),
        turn,
        delay_left: Duration::from_millis(delay_left),
        state: match state {
            StateText::Waiting => ClockState::Waiting,
            StateText::Running { since } => ClockState::Running { since: Timestamp::from_millis(since) },
            StateText::Paused => ClockState::Paused,
            StateText::Held => ClockState::Held,
            StateText::Fallen => ClockState::Fallen,
        },
    };
    let served_until = Timestamp::from_millis(columns.served_until);
    let clock = GameClock::from_store(control, players, reading, to_number(columns.version)?, served_until);
    clock.map(Some).ok_or_else(|| unreadable("clocks of other players"))
}

fn read_control(text: ControlText) -> QueryResult<TimeControl> {
    let preset = Preset::ALL.into_iter().find(|preset| preset.as_str() == text.preset);
    let preset = preset.ok_or_else(|| unreadable("a preset"))?;
    let on_disconnect = OnDisconnect::ALL.into_iter().find(|choice| choice.as_str() == text.on_disconnect);
    let on_disconnect = on_disconnect.ok_or_else(|| unreadable("what becomes of a clock without its player"))?;
    let pace = Pace {
        total: Duration::from_millis(text.total_time_ms),
        increment: Duration::from_millis(text.increment_ms),
        delay: Duration::from_millis(text.delay_ms),
    };
    let turn_types: Result<_, _> = text.turn_types.iter().map(|name| EventType::from_store(name)).collect();
    let turn_types = turn_types.map_err(unreadable)?;
    TimeControl::new(preset, pace)
        .and_then(|control| control.without_player(on_disconnect, Duration::from_millis(text.grace_ms)))
        .and_then(|control| control.ended_by(turn_types))
        .map_err(unreadable)
}

fn to_text(value: &impl Serialize) -> QueryResult<String> {
    serde_json::to_string(value).map_err(|error| Error::SerializationError(error.into()))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
