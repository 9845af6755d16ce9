//! Losing the connection, and coming back to the seat.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Absorbed, Resumed, Seat, left};
use crate::client::{Advice, ClientError, Credential, Fault, Incoming, Link, Refusal, Welcome};

impl Seat {
    pub(super) async fn dial_once(&mut self, deadline: Instant) -> Result<(), ClientError> {
        let mut dial = self.dial.clone();
        dial.patience = dial.patience.min(left(deadline));
        if self.welcome.is_some() {
            dial.position = self.history.position();
        }
        let token = self.welcome.as_ref().and_then(|welcome| welcome.token.clone());
        let resuming = token.is_some();
        if let Some(token) = token {
            dial.credential = Credential::ResumeToken(token);
        }

        let dialled_at = Instant::now();
        let mut link = Link::connect(&dial).await?;
        let welcome = match link.next(dial.patience).await? {
            Incoming::Resume(welcome) => *welcome,
            other => return Err(ClientError::malformed(format!("GAME_RESUME is not first, but {other:?}"))),
        };
        self.link = Some(link);
        self.connected_at = dialled_at;
        let replayed = self.take_in(welcome, deadline).await?;
        if resuming {
            self.resumes.push(Resumed { replayed, latency: dialled_at.elapsed() });
        }
        self.repeat_ack().await
    }

    /// Takes in the welcome and the replay that follows it; returns the length of the replay.
    async fn take_in(&mut self, welcome: Welcome, deadline: Instant) -> Result<u64, ClientError> {
        self.history.begin(&welcome);
        self.acked = welcome.own_ack().unwrap_or(self.acked);
        self.timer.clone_from(&welcome.timer);
        let told = welcome.replay_count;
        self.welcome = Some(welcome);

        let mut came = 0;
        while came < told {
            match self.absorb(deadline).await? {
                Absorbed::Replayed => came += 1,
                Absorbed::Live(_) => {
                    self.history.blame(Fault::ReplayCount { told, came });
                    break;
                }
                Absorbed::Acknowledged { .. } | Absorbed::Refused(_) | Absorbed::Other => {}
            }
        }
        Ok(came)
    }

    /// Says again what the server may have forgotten in a crash, or never heard.
    async fn repeat_ack(&mut self) -> Result<(), ClientError> {
        let wanted = self.ack_wanted.min(self.history.last());
        match &mut self.link {
            Some(link) if wanted > self.acked => link.ack(wanted).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Does what a failure asks for before the next attempt: a pause after a passing refusal, a pause without the
    /// connection after its end.
    pub(super) async fn recover(&mut self, error: ClientError, deadline: Instant) -> Result<(), ClientError> {
        let pause = match &error {
            ClientError::Refused(refusal) if refusal.is_passing() => self.pause_after_refusal(refusal),
            ClientError::Refused(_) => return Err(error),
            _ => match self.pause_after_loss(&error) {
                Some(pause) => pause,
                None => return Err(error),
            },
        };
        if Instant::now() + pause >= deadline {
            return Err(ClientError::GaveUp { last: Box::new(error) });
        }
        sleep(pause).await;
        Ok(())
    }

    pub(super) fn pause_after_refusal(&mut self, refusal: &Refusal) -> Duration {
        *self.refusals.entry(refusal.code.clone()).or_default() += 1;
        match refusal.retry_after_ms {
            Some(asked_ms) => Duration::from_millis(asked_ms),
            None => self.refused.pause(Duration::ZERO),
        }
    }

    /// Drops what is left of the connection; returns how long to stay away, `None` for good.
    fn pause_after_loss(&mut self, error: &ClientError) -> Option<Duration> {
        let mut held = Duration::ZERO;
        if self.link.take().is_some() {
            self.losses += 1;
            held = self.connected_at.elapsed();
        }
        match (error.advice(), self.reconnect_after.take()) {
            (Advice::Stop, _) => None,
            (Advice::AfterDraining, Some(asked)) => Some(asked),
            (Advice::AfterDraining, None) | (Advice::Backoff, _) => {
                Some(self.backoff.pause(held).max(error.retry_after()))
            }
        }
    }
}
