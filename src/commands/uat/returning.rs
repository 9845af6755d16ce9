//! Players lose their connections and come back with their tokens.

use std::collections::BTreeSet;

use super::{
    scenario::{Miss, Playing, Scenario, check},
    stage::{Stage, compare},
};
use crate::client::{Resumed, Seat, Welcome};

pub static ALL: [Scenario; 3] = [
    Scenario {
        name: "a lost connection comes back to its seat",
        steps: &[
            "two players sit down, two moves are played and seen",
            "bob's connection is reset, without a close frame",
            "three moves are played without him",
            "he comes back with his resume token and the position he had",
        ],
        expected: "resumed and recovered, the same session, a fresh token, the three moves and no other, in order",
        play: lost_once,
    },
    Scenario {
        name: "several losses in a row",
        steps: &[
            "bob's connection is reset, a move is played without him, he comes back: five times",
            "then it is reset three times more, each time before he has said a word",
        ],
        expected: "each time the same session, with a token that was not there before; nothing missing, nothing twice",
        play: lost_again_and_again,
    },
    Scenario {
        name: "missed events are replayed in order",
        steps: &[
            "bob's connection is reset",
            "twenty moves are played without him, whose payloads do not survive being read and written",
            "he comes back, and one more move is played",
        ],
        expected: "twenty replayed events in order, to the byte what the other player saw live, then the live one",
        play: replayed_in_order,
    },
];

fn lost_once(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, mut bob] = stage.sit_down().await?;
        stage.play(&mut ann, 1..=2).await?;
        bob.see(2, stage.deadline()).await?;
        let (session, token) = (welcome(&bob)?.session_id.clone(), welcome(&bob)?.token.clone());

        bob.cut();
        stage.play(&mut ann, 3..=5).await?;
        bob.resume(stage.deadline()).await?;

        let back = welcome(&bob)?;
        check(back.resumed && back.recovered, || format!("resumed: {}, recovered: {}", back.resumed, back.recovered))?;
        check(back.session_id == session, || "another session".to_owned())?;
        check(back.token.is_some() && back.token != token, || "no fresh token".to_owned())?;
        let Resumed { replayed, latency } = last_return(&bob)?;
        check(replayed == 3, || format!("{replayed} events were replayed"))?;
        compare(&ann, &bob)?;
        Ok(format!("as expected; the last of 3 replayed events was there {latency:.0?} after dialling"))
    })
}

fn lost_again_and_again(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, mut bob] = stage.sit_down().await?;
        let session = welcome(&bob)?.session_id.clone();
        let mut tokens = BTreeSet::from([welcome(&bob)?.token.clone()]);

        for number in 1..=5 {
            bob.cut();
            stage.play(&mut ann, number..=number).await?;
            bob.resume(stage.deadline()).await?;
            check_return(&bob, session.as_deref(), &mut tokens)?;
        }
        for _ in 0..3 {
            bob.cut();
            bob.resume(stage.deadline()).await?;
            check_return(&bob, session.as_deref(), &mut tokens)?;
        }

        compare(&ann, &bob)?;
        let longest = bob.resumes().iter().map(|resumed| resumed.latency).max().unwrap_or_default();
        Ok(format!("as expected, {} returns; the longest took {longest:.0?}", bob.resumes().len()))
    })
}

fn replayed_in_order(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, mut bob] = stage.sit_down().await?;

        bob.cut();
        stage.play(&mut ann, 1..=20).await?;
        bob.resume(stage.deadline()).await?;
        stage.play(&mut ann, 21..=21).await?;
        bob.see(21, stage.deadline()).await?;

        let Resumed { replayed, latency } = last_return(&bob)?;
        check(replayed == 20, || format!("{replayed} events were replayed"))?;
        compare(&ann, &bob)?;
        Ok(format!("as expected; the last of 20 replayed events was there {latency:.0?} after dialling"))
    })
}

fn check_return(bob: &Seat, session: Option<&str>, tokens: &mut BTreeSet<Option<String>>) -> Result<(), Miss> {
    let back = welcome(bob)?;
    check(back.resumed && back.recovered, || format!("resumed: {}, recovered: {}", back.resumed, back.recovered))?;
    check(back.session_id.as_deref() == session, || "another session".to_owned())?;
    check(tokens.insert(back.token.clone()), || "a token came twice".to_owned())
}

fn welcome(seat: &Seat) -> Result<&Welcome, Miss> {
    seat.welcome().ok_or_else(|| Miss::Failed("no GAME_RESUME came".to_owned()))
}

fn last_return(seat: &Seat) -> Result<Resumed, Miss> {
    seat.resumes().last().copied().ok_or_else(|| Miss::Failed("nobody came back with a token".to_owned()))
}
