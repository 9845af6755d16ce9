//! Players say how far they are, and what all of them have seen is pruned.

use std::time::Duration;

use super::{
    scenario::{Playing, Scenario, check},
    stage::Stage,
};

pub static ALL: [Scenario; 2] = [
    Scenario {
        name: "what both have acknowledged is pruned",
        steps: &[
            "six moves are played and seen by both",
            "ann acknowledges the sixth, bob the fourth",
            "the game's floorSequence is read over HTTP until it moves",
            "bob acknowledges the sixth",
        ],
        expected: "confirmed with backlog 0 and 2; floorSequence 4, then 6, each within 1 s, and never above",
        play: pruned,
    },
    Scenario {
        name: "the backlog metric falls after acknowledging",
        steps: &[
            "thirty moves are played that nobody acknowledges",
            "ws_replay_backlog_size of the game's shard is read until it shows them",
            "both acknowledge all of them",
        ],
        expected: "at least 30 before; at most 5, or what other games had before, within 5 s after",
        play: backlog_falls,
    },
];

fn pruned(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, mut bob] = stage.sit_down().await?;
        stage.play(&mut ann, 1..=6).await?;
        bob.see(6, stage.deadline()).await?;

        let ann_left = ann.acknowledge(6, stage.deadline()).await?;
        let bob_left = bob.acknowledge(4, stage.deadline()).await?;
        check((ann_left, bob_left) == (Some(0), Some(2)), || {
            format!("acknowledging was confirmed with backlogs {ann_left:?} and {bob_left:?}")
        })?;
        let first = stage.until("floorSequence", PRUNED_WITHIN, |floor| floor >= 4.0, || stage.floor()).await?;
        let floor = stage.floor().await?;
        check(floor == 4.0, || format!("floorSequence is {floor}, though bob has acknowledged only 4"))?;

        let bob_left = bob.acknowledge(6, stage.deadline()).await?;
        check(bob_left == Some(0), || format!("the last was confirmed with backlog {bob_left:?}"))?;
        let second = stage.until("floorSequence", PRUNED_WITHIN, |floor| floor == 6.0, || stage.floor()).await?;
        Ok(format!("as expected; floorSequence followed after {first:.0?} and {second:.0?}"))
    })
}

fn backlog_falls(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, mut bob] = stage.sit_down().await?;
        let others = stage.backlog_metric().await?;
        stage.play(&mut ann, 1..=MOVES).await?;
        bob.see(MOVES, stage.deadline()).await?;

        let shows = |backlog: f64| backlog >= 30.0;
        stage.until("ws_replay_backlog_size", SHOWN_WITHIN, shows, || stage.backlog_metric()).await?;
        ann.acknowledge(MOVES, stage.deadline()).await?;
        bob.acknowledge(MOVES, stage.deadline()).await?;
        let fallen = |backlog: f64| backlog <= others.max(5.0);
        let took = stage.until("ws_replay_backlog_size", SHOWN_WITHIN, fallen, || stage.backlog_metric()).await?;
        Ok(format!("as expected; the metric had fallen {took:.0?} after the last acknowledgement"))
    })
}

const MOVES: u64 = 30;
/// As the protocol promises.
const PRUNED_WITHIN: Duration = Duration::from_secs(1);
/// As the rollout plan wants it.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);
