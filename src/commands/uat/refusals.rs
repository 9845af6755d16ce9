//! What no client should send: each has its answer, and none does any harm.

use super::{
    scenario::{Miss, Playing, Scenario, check},
    stage::{PLAYERS, Stage, answer, connected, refused},
};
use crate::client::{ClientError, Ending, Incoming, Link};

pub static ALL: [Scenario; 4] = [
    Scenario {
        name: "an invalid resume token is refused",
        steps: &[
            "somebody dials with a made-up token",
            "somebody dials with bob's token, one letter of it changed",
            "bob comes back with his own",
        ],
        expected: "twice close code 1008 `Invalid resume token`, without a frame before; bob is let in",
        play: invalid_token,
    },
    Scenario {
        name: "a malformed message is refused",
        steps: &[
            "ann sends what is no JSON, no object, of no type, of a bad type, with a payload that is no object",
            "then a good move on the same connection",
        ],
        expected: "ERROR invalid_message for each; the connection lives on, and the move is the first event",
        play: malformed,
    },
    Scenario {
        name: "an acknowledgement out of order is ignored",
        steps: &["three moves are played, ann acknowledges the third", "she acknowledges the first, then sends a ping"],
        expected: "no answer but the PONG; her last acknowledgement stays 3",
        play: out_of_order,
    },
    Scenario {
        name: "an acknowledgement above the head is refused",
        steps: &["three moves are played, ann acknowledges the 99th", "she plays on, on the same connection"],
        expected: "ERROR invalid_ack; her last acknowledgement stays 0, the connection lives on",
        play: above_the_head,
    },
];

fn invalid_token(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [_ann, mut bob] = stage.sit_down().await?;
        let token = bob.welcome().and_then(|welcome| welcome.token.clone()).unwrap_or_default();
        let invalid = Ending::Closed { code: 1008, reason: "Invalid resume token".to_owned() };

        for (what, token) in [("a made-up token", "not.a.token".to_owned()), ("a changed token", changed(&token))] {
            let mut link = Link::connect(&stage.dial_without_token().with_resume_token(token)).await?;
            match answer(&mut link).await {
                Err(ClientError::Ended(ending)) => {
                    check(ending == invalid, || format!("{what}: {ending}"))?;
                }
                Err(error) => return Err(error.into()),
                Ok(frame) => return Err(Miss::Failed(format!("{what}: {frame:?}"))),
            }
        }
        bob.cut();
        bob.resume(stage.deadline()).await?;
        check(bob.welcome().is_some_and(|welcome| welcome.resumed), || "bob has got another session".to_owned())?;
        Ok("as expected".to_owned())
    })
}

fn malformed(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, _bob] = stage.sit_down().await?;
        let texts = [
            "not JSON",
            "[1]",
            r#"{"payload":{}}"#,
            r#"{"type":"Not A Type","payload":{}}"#,
            r#"{"type":"move","payload":[1]}"#,
        ];

        for text in texts {
            refused(&mut ann, text, "invalid_message").await?;
        }
        stage.play(&mut ann, 1..=1).await?;

        let (last, losses) = (ann.history().last(), ann.losses());
        check((last, losses) == (1, 0), || {
            format!("the move is event {last}, the connection was lost {losses} times")
        })?;
        Ok(format!("as expected, {} times", texts.len()))
    })
}

fn out_of_order(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, _bob] = stage.sit_down().await?;
        stage.play(&mut ann, 1..=3).await?;
        ann.acknowledge(3, stage.deadline()).await?;

        let link = connected(&mut ann)?;
        link.ack(1).await?;
        link.ping("{}").await?;
        match answer(link).await? {
            Incoming::Pong(_) => {}
            other => return Err(Miss::Failed(format!("it was answered with {other:?}"))),
        }
        let last = stage.last_ack(PLAYERS[0]).await?;
        check(last == 3.0, || format!("her last acknowledgement is {last}"))?;
        Ok("as expected".to_owned())
    })
}

fn above_the_head(stage: &Stage) -> Playing<'_> {
    Box::pin(async move {
        let [mut ann, _bob] = stage.sit_down().await?;
        stage.play(&mut ann, 1..=3).await?;

        refused(&mut ann, r#"{"type":"GAME_ACK","payload":{"sequence":99}}"#, "invalid_ack").await?;
        stage.play(&mut ann, 4..=4).await?;

        let last = stage.last_ack(PLAYERS[0]).await?;
        check(last == 0.0, || format!("her last acknowledgement is {last}"))?;
        check(ann.losses() == 0, || "the connection was lost".to_owned())?;
        Ok("as expected".to_owned())
    })
}

/// The token with a letter in its middle replaced by another.
fn changed(token: &str) -> String {
    let middle = token.len() / 2;
    let swap = |(at, letter): (usize, char)| match letter {
        'A' if at == middle => 'B',
        _ if at == middle => 'A',
        other => other,
    };
    token.chars().enumerate().map(swap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_token_is_another_of_the_same_length() {
        for token in ["eyJhbGciOi.AAAA.xyz", "AAAAA"] {
            let other = changed(token);
            assert_eq!(other.len(), token.len());
            assert_eq!(other.chars().zip(token.chars()).filter(|(one, other)| one != other).count(), 1);
        }
    }
}
