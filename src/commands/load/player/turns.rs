//! Moving when it is time: what is due, and when there is something to do again.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{Left, Pending, Player, gone};
use crate::{
    client::ClientError,
    commands::load::{
        glance::write_move,
        tally::Count,
        terms::{Pace, Phase},
    },
};

impl Player {
    /// Reads, and moves when it is time, until the connection ends.
    pub(super) async fn converse(&mut self) -> Result<Left, ClientError> {
        let mut alarm = std::pin::pin!(sleep_until(Instant::now() + FAR));
        let mut phase = *self.phases.borrow();
        loop {
            // Nothing is said after play has begun.
            let waits = !matches!(phase, Phase::Playing { .. });
            if waits {
                phase = *self.phases.borrow();
            }
            if phase == Phase::Away {
                return Ok(Left::AsTold);
            }
            let now = Instant::now();
            if self.drop_at.is_some_and(|at| at <= now) {
                return Ok(Left::ByChance);
            }
            let wake_at = self.act(phase, now).await?;
            // An alarm that is early only looks again. Setting it for each move would cost more.
            if alarm.is_elapsed() || wake_at < alarm.deadline() {
                alarm.as_mut().reset(wake_at);
            }
            let link = self.link.as_mut().ok_or_else(|| gone("not connected"))?;
            tokio::select! {
                biased;
                text = link.text() => {
                    let ack = self.take(&text?)?;
                    if let (Some(sequence), Some(link)) = (ack, self.link.as_mut()) {
                        link.send_text(format!(r#"{{"type":"GAME_ACK","payload":{{"sequence":{sequence}}}}}"#)).await?;
                    }
                }
                () = &mut alarm => {}
                changed = self.phases.changed(), if waits => changed.map_err(|_| gone("the run is over"))?,
            }
        }
    }

    /// Does what is due, and says when there is something to do again.
    async fn act(&mut self, phase: Phase, now: Instant) -> Result<Instant, ClientError> {
        let wake_at = self.drop_at.unwrap_or(now + FAR);
        let Phase::Playing { from, until } = phase else { return Ok(wake_at) };
        if let Some(pending) = &self.pending {
            if pending.retry_at > now {
                return Ok(wake_at.min(pending.retry_at));
            }
            let (sequence, at) = (pending.sequence, pending.at);
            self.sent_again = sequence;
            self.send(sequence, at, now).await?;
            return Ok(wake_at.min(now + UNANSWERED));
        }
        let sequence = self.order.last() + 1;
        let is_ours = (sequence - 1) % self.game.seen.len() as u64 == self.place as u64;
        let due = match self.style.pace {
            Pace::Silent => return Ok(wake_at),
            Pace::AtOnce => now,
            Pace::Every(interval) => self.game.due(sequence, from, interval),
            Pace::Thinking(pause) => self.turn_began + pause,
        };
        if !is_ours || sequence > self.style.moves || due >= until || now >= until {
            return Ok(wake_at);
        }
        if due <= now {
            self.run.tally.count(Count::Sent);
            self.game.sent.fetch_max(sequence, Ordering::Relaxed);
            self.send(sequence, self.micros(due), now).await?;
            return Ok(wake_at.min(now + UNANSWERED));
        }
        Ok(wake_at.min(due))
    }

    async fn send(&mut self, sequence: u64, at: u64, now: Instant) -> Result<(), ClientError> {
        // Noted first: should sending fail, it may have left all the same.
        self.pending = Some(Pending { sequence, at, retry_at: now + UNANSWERED });
        let link = self.link.as_mut().ok_or_else(|| gone("not connected"))?;
        link.send_text(write_move(sequence, at, self.style.payload_bytes)).await
    }
}

/// No run lasts so long.
const FAR: Duration = Duration::from_secs(48 * 60 * 60);
/// As long as a move may stay without an answer before it is sent again.
const UNANSWERED: Duration = Duration::from_secs(10);
