//! Clocks go on while a player is away, are the same after the return, and do not drift.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    scenario::{Miss, Playing, Scenario, check},
    stage::{PLAYERS, Stage},
};
use crate::client::{self, ClientError, Seat};

pub static ALL: [Scenario; 2] = [
    Scenario {
        name: "a clock goes on while its player is away",
        steps: &[
            "a game with a minute for each player; its clocks are started",
            "ann thinks for 300 ms and moves; it is bob's turn",
            "bob's connection is reset; he comes back after 700 ms",
            "he moves",
        ],
        expected: "GAME_RESUME brings the clocks: his turn, and each player has lost the time of his own turns, to 1 ms a \
                   turn, the time away included; HTTP tells the same",
        play: goes_on,
    },
    Scenario {
        name: "clocks do not drift",
        steps: &[
            "a game with a minute for each player; its clocks are started",
            "twenty turns of 20 to 60 ms, in which bob's connection is reset three times",
        ],
        expected: "each player has lost the time between the recorded turns that were his, to 1 ms a turn",
        play: no_drift,
    },
];

/// What the clocks show.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timer {
    active: Option<String>,
    remaining_ms: BTreeMap<String, f64>,
    paused: bool,
    server_time: f64,
}

impl From<&client::Timer> for Timer {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 have 41 bits")]
    fn from(timer: &client::Timer) -> Self {
        let client::Timer { active, remaining_ms, paused, server_time, .. } = timer.clone();
        let remaining_ms = remaining_ms.into_iter().map(|(user_id, left)| (user_id, left as f64)).collect();
        Self { active, remaining_ms, paused, server_time: server_time as f64 }
    }
}

/// The turns that were recorded: when the clocks were started, and when each turn ended, in milliseconds since 1970.
struct Turns {
    started_at: f64,
    ended_at: Vec<f64>,
}

fn goes_on(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let mut turns = start(stage).await?;
        let [mut ann, mut bob] = stage.players_come().await?;
        sleep(Duration::from_millis(300)).await;
        turns.end(stage, &mut ann, 1).await?;

        bob.cut();
        sleep(Duration::from_millis(700)).await;
        bob.resume(stage.deadline()).await?;

        let timer = bob.welcome().and_then(|welcome| welcome.timer.as_ref());
        let timer = timer.ok_or_else(|| Miss::Failed("GAME_RESUME has no timer".to_owned()))?;
        let timer = Timer::from(timer);
        check(timer.active.as_deref() == Some(PLAYERS[1]) && !timer.paused, || {
            format!("active: {:?}, paused: {}", timer.active, timer.paused)
        })?;
        let off = turns.check(&timer)?;
        turns.check(&read(&stage.game().await?["timer"])?)?;
        turns.end(stage, &mut bob, 2).await?;
        Ok(format!("as expected; no clock was off by more than {off:.0} ms"))
    })
}

fn no_drift(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let mut turns = start(stage).await?;
        let mut seats = stage.players_come().await?;
        for number in 1..=TURNS {
            let [ann, bob] = &mut seats;
            sleep(Duration::from_millis(20 + number * 7 % 40)).await;
            if number % 6 == 0 {
                bob.cut();
            }
            turns.end(stage, if number % 2 == 1 { ann } else { bob }, number).await?;
        }
        let off = turns.check(&read(&stage.game().await?["timer"])?)?;
        Ok(format!("as expected; after {TURNS} turns no clock was off by more than {off:.0} ms"))
    })
}

/// Makes a game with clocks, and starts them.
async fn start(stage: &Stage) -> Result<Turns, Miss> {
    let control = json!({
        "preset": "CUSTOM", "totalTimeMs": TOTAL_MS, "incrementMs": 0, "delayMs": 0, "turnTypes": ["move"],
        "onDisconnect": "run", "graceMs": 15000
    });
    stage.make_game(json!({ "timeControl": control })).await.map_err(without_clocks)?;
    let timer = read(&stage.start_clock().await.map_err(without_clocks)?)?;
    check(timer.active.as_deref() == Some(PLAYERS[0]), || format!("{:?} is to begin", timer.active))?;
    // It ran a little before it was shown.
    let spent = timer.remaining_ms.get(PLAYERS[0]).map_or(f64::NAN, |left| f64::from(TOTAL_MS) - left);
    Ok(Turns { started_at: timer.server_time - spent, ended_at: Vec::new() })
}

/// A server that knows no clocks says so; anything else is a failure.
fn without_clocks(error: ClientError) -> Miss {
    match error {
        ClientError::HttpRefused { status: 400 | 404 | 501, body, .. } => Miss::NotSupported(detail(&body)),
        error => error.into(),
    }
}

/// What a problem document says.
fn detail(body: &str) -> String {
    let document: Value = serde_json::from_str(body).unwrap_or_default();
    document["detail"].as_str().unwrap_or(body).to_owned()
}

fn read(timer: &Value) -> Result<Timer, Miss> {
    Timer::deserialize(timer).map_err(|error| Miss::Failed(format!("{timer} is no timer: {error}")))
}

impl Turns {
    /// Has a player end the turn.
    async fn end(&mut self, stage: &Stage, seat: &mut Seat, number: u64) -> Result<(), ClientError> {
        let event = seat.play("move", "{}", &format!("m{number}"), stage.deadline()).await?;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 have 41 bits")]
        self.ended_at.push(event.created_at_ms as f64);
        Ok(())
    }

    /// Holds what the clocks show against the turns; returns by how much the worse of them is off, in milliseconds.
    fn check(&self, timer: &Timer) -> Result<f64, Miss> {
        let mut left = [f64::from(TOTAL_MS); 2];
        let mut began = self.started_at;
        let until_now = self.ended_at.iter().copied().chain([timer.server_time]);
        for (turn, ended) in until_now.enumerate() {
            left[turn % 2] -= ended - began;
            began = ended;
        }
        let mut worst: f64 = 0.0;
        for (player, left) in PLAYERS.into_iter().zip(left) {
            let shown = timer.remaining_ms.get(player).copied().unwrap_or(f64::NAN);
            let off = (shown - left).abs();
            // One for each turn, the one under way included.
            check(off <= self.turns() + 1.0, || {
                format!("{player} has {shown} ms left, by the recorded turns {left} ms")
            })?;
            worst = worst.max(off);
        }
        Ok(worst)
    }

    fn turns(&self) -> f64 {
        u32::try_from(self.ended_at.len()).map_or(f64::INFINITY, f64::from)
    }
}

const TOTAL_MS: u32 = 60_000;
const TURNS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(ann: f64, bob: f64, server_time: f64) -> Timer {
        let remaining_ms = [("ann", ann), ("bob", bob)].map(|(player, left)| (player.to_owned(), left)).into();
        Timer { active: Some("bob".to_owned()), remaining_ms, paused: false, server_time }
    }

    fn turns() -> Turns {
        Turns { started_at: 1000.0, ended_at: vec![1300.0, 1500.0, 1510.0] }
    }

    #[test]
    fn each_player_loses_the_time_of_his_own_turns() {
        assert_eq!(turns().check(&timer(59_690.0, 59_700.0, 1610.0)), Ok(0.0));
        assert_eq!(turns().check(&timer(59_689.0, 59_703.0, 1610.0)), Ok(3.0));
    }

    #[test]
    fn a_clock_that_is_off_by_more_than_a_millisecond_a_turn_is_found() {
        let off = turns().check(&timer(59_690.0, 59_705.0, 1610.0));

        assert_eq!(off, Err(Miss::Failed("bob has 59705 ms left, by the recorded turns 59700 ms".to_owned())));
        assert!(turns().check(&timer(f64::NAN, 59_700.0, 1610.0)).is_err());
    }

    #[test]
    fn a_server_without_clocks_is_told_from_one_that_fails() {
        let refused = |status| ClientError::HttpRefused {
            path: "/v1/games/g".to_owned(),
            status,
            body: r#"{"detail":"timeControl: clocks are not served yet"}"#.to_owned(),
        };

        let unknown = Miss::NotSupported("timeControl: clocks are not served yet".to_owned());
        assert_eq!(without_clocks(refused(400)), unknown);
        assert!(matches!(without_clocks(refused(503)), Miss::Failed(_)));
    }
}
