//! Clocks in HTTP bodies and frames: what is set, what is ordered, what they show.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use crate::domain::{
    ClockAction, ClockOrder, EventType, OnDisconnect, Pace, Preset, TimeControl, Timer, Timestamp, UserId,
    time_control::GRACE,
};

/// A time control to be set.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ControlFields")]
pub struct ControlBody(pub TimeControl);

/// Its fields as they come. What a preset says need not be said again, but may be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ControlFields {
    #[serde(default)]
    preset: PresetName,
    total_time_ms: Option<u64>,
    increment_ms: Option<u64>,
    delay_ms: Option<u64>,
    #[serde(default, deserialize_with = "event_types")]
    turn_types: Option<Vec<EventType>>,
    #[serde(default)]
    on_disconnect: OnDisconnectName,
    grace_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum PresetName {
    Blitz,
    Normal,
    Long,
    #[default]
    Custom,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnDisconnectName {
    #[default]
    Run,
    Pause,
}

impl TryFrom<ControlFields> for ControlBody {
    type Error = String;

    fn try_from(fields: ControlFields) -> Result<Self, String> {
        let preset = match fields.preset {
            PresetName::Blitz => Preset::Blitz,
            PresetName::Normal => Preset::Normal,
            PresetName::Long => Preset::Long,
            PresetName::Custom => Preset::Custom,
        };
        let on_disconnect = match fields.on_disconnect {
            OnDisconnectName::Run => OnDisconnect::Run,
            OnDisconnectName::Pause => OnDisconnect::Pause,
        };
        let given =
            [("totalTimeMs", fields.total_time_ms), ("incrementMs", fields.increment_ms), ("delayMs", fields.delay_ms)];
        let of_preset = preset.pace().map(|pace| [pace.total, pace.increment, pace.delay].map(millis));
        let [total, increment, delay] = match of_preset {
            None => {
                let total = fields.total_time_ms.ok_or("totalTimeMs: needed with CUSTOM")?;
                [total, fields.increment_ms.unwrap_or(0), fields.delay_ms.unwrap_or(0)]
            }
            Some(known) => {
                for ((name, given), known) in given.into_iter().zip(known) {
                    if given.is_some_and(|given| given != known) {
                        return Err(format!("{name}: {} has {known}; CUSTOM has what you like", preset.as_str()));
                    }
                }
                known
            }
        };
        let [total, increment, delay] = [total, increment, delay].map(Duration::from_millis);
        let grace = fields.grace_ms.map_or(GRACE, Duration::from_millis);
        let control = TimeControl::new(preset, Pace { total, increment, delay })
            .and_then(|control| control.without_player(on_disconnect, grace))
            .and_then(|control| match fields.turn_types {
                Some(turn_types) => control.ended_by(turn_types),
                None => Ok(control),
            });
        control.map(Self).map_err(|error| error.to_string())
    }
}

fn event_types<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<EventType>>, D::Error> {
    use serde::de::Error;
    let names = Option::<Vec<String>>::deserialize(deserializer)?;
    let types = names.map(|names| names.iter().map(|name| EventType::parse(name).map_err(D::Error::custom)).collect());
    types.transpose()
}

/// What the clocks are to do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockBody {
    action: ActionName,
    active: Option<UserId>,
    #[serde(default)]
    remaining_ms: BTreeMap<UserId, u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActionName {
    Start,
    Pause,
    Resume,
    Set,
}

impl ClockBody {
    /// Whether it asks for nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.action, ActionName::Set) && self.active.is_none() && self.remaining_ms.is_empty()
    }
}

impl From<ClockBody> for ClockOrder {
    fn from(body: ClockBody) -> Self {
        let action = match body.action {
            ActionName::Start | ActionName::Resume => ClockAction::Run,
            ActionName::Pause => ClockAction::Pause,
            ActionName::Set => ClockAction::Set,
        };
        let remaining = body.remaining_ms.into_iter().map(|(user_id, left)| (user_id, Duration::from_millis(left)));
        Self { action, active: body.active, remaining: remaining.collect() }
    }
}

/// What the clocks show.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerBody<'a> {
    active: Option<&'a UserId>,
    #[serde(serialize_with = "by_player")]
    remaining_ms: &'a [(UserId, Duration)],
    paused: bool,
    config: ConfigBody<'a>,
    server_time: Timestamp,
}

/// A time control in full.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigBody<'a> {
    preset: &'static str,
    total_time_ms: u64,
    increment_ms: u64,
    delay_ms: u64,
    turn_types: Vec<&'a str>,
    on_disconnect: &'static str,
    grace_ms: u64,
}

impl<'a> From<&'a Timer> for TimerBody<'a> {
    fn from(timer: &'a Timer) -> Self {
        let control = &*timer.control;
        let pace = control.pace();
        Self {
            active: timer.active.as_ref(),
            remaining_ms: &timer.remaining,
            paused: timer.paused,
            config: ConfigBody {
                preset: control.preset().as_str(),
                total_time_ms: millis(pace.total),
                increment_ms: millis(pace.increment),
                delay_ms: millis(pace.delay),
                turn_types: control.turn_types().iter().map(EventType::as_str).collect(),
                on_disconnect: control.on_disconnect().as_str(),
                grace_ms: millis(control.grace()),
            },
            server_time: timer.at,
        }
    }
}

impl TimerBody<'_> {
    /// The snapshot as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts, numbers and flags are JSON")
    }
}

fn by_player<S: Serializer>(remaining: &&[(UserId, Duration)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(remaining.len()))?;
    for (user_id, left) in *remaining {
        map.serialize_entry(user_id, &millis(*left))?;
    }
    map.end()
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::GameClock;
    use serde_json::{Value, json};

    fn control(body: Value) -> Result<TimeControl, String> {
        serde_json::from_value::<ControlBody>(body).map(|body| body.0).map_err(|error| error.to_string())
    }

    /// What everyone is told of a game with this control, which has just begun.
    fn snapshot(control: TimeControl) -> Value {
        let players = ["bob", "ann"].map(|name| UserId::parse(name).unwrap());
        let timer = GameClock::new(control, &players).unwrap().timer(Timestamp::from_millis(7));
        serde_json::from_str(&TimerBody::from(&timer).to_json()).unwrap()
    }

    #[test]
    fn a_preset_says_it_all() {
        for (preset, total, increment) in
            [("BLITZ", 180_000, 0), ("NORMAL", 600_000, 1_000), ("LONG", 1_200_000, 2_000)]
        {
            let config = json!({
                "preset": preset, "totalTimeMs": total, "incrementMs": increment, "delayMs": 0,
                "turnTypes": ["move"], "onDisconnect": "run", "graceMs": 15_000
            });
            let short = control(json!({ "preset": preset })).unwrap();

            assert_eq!(control(config.clone()), Ok(short.clone()), "what it answers, it takes");
            let snapshot = snapshot(short);
            assert_eq!(snapshot["config"], config);
            assert_eq!(snapshot["remainingMs"], json!({ "bob": total, "ann": total }));
            assert_eq!(
                (&snapshot["active"], &snapshot["paused"], &snapshot["serverTime"]),
                (&"bob".into(), &true.into(), &7.into())
            );
        }
    }

    #[test]
    fn absurd_settings_are_named() {
        for (body, said) in [
            (json!({ "preset": "BULLET" }), "unknown variant `BULLET`"),
            (json!({ "preset": "BLITZ", "incrementMs": 5 }), "incrementMs: BLITZ has 0"),
            (json!({}), "totalTimeMs: needed"),
            (json!({ "totalTimeMs": 0 }), "totalTimeMs: expected 1 to 31536000000"),
            (json!({ "totalTimeMs": -1 }), "invalid value: integer `-1`"),
            (json!({ "totalTimeMs": 1.5 }), "invalid type: floating point"),
            (json!({ "totalTimeMs": "60000" }), "invalid type: string"),
            (json!({ "totalTimeMs": 1e300 }), "invalid type: floating point"),
            (json!({ "totalTimeMs": u64::MAX }), "totalTimeMs: expected 1 to"),
            (json!({ "totalTimeMs": 1, "delayMs": 31_536_000_001_u64 }), "delayMs: at most 31536000000"),
            (json!({ "totalTimeMs": 1, "graceMs": u64::MAX }), "graceMs: at most"),
            (json!({ "totalTimeMs": 1, "onDisconnect": "stop" }), "unknown variant `stop`"),
            (json!({ "totalTimeMs": 1, "turnTypes": [] }), "turnTypes: expected 1 to 16 types"),
            (json!({ "totalTimeMs": 1, "turnTypes": ["Move"] }), "type must match"),
            (json!({ "totalTimeMs": 1, "turnTypes": ["flag_fall"] }), "kept for the service"),
        ] {
            let refused = control(body.clone()).unwrap_err();
            assert!(refused.contains(said), "{body}: {refused}");
        }
    }

    #[test]
    fn an_order_to_set_names_something() {
        let read = |body| serde_json::from_value::<ClockBody>(body);
        assert!(read(json!({ "action": "set" })).unwrap().is_empty());
        assert!(!read(json!({ "action": "start" })).unwrap().is_empty());
        assert!(!read(json!({ "action": "set", "remainingMs": { "ann": 0 } })).unwrap().is_empty());
        for wrong in [
            json!({ "action": "stop" }),
            json!({ "action": "set", "remainingMs": { "ann": -1 } }),
            json!({ "action": "set", "remainingMs": { "a b": 1 } }),
            json!({ "action": "set", "remainingMs": 5 }),
            json!({ "action": "set", "active": 5 }),
            json!({}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
