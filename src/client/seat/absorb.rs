//! Reading: what each frame changes in what the seat knows.

use std::time::Duration;

use tokio::time::Instant;

use super::{Seat, left};
use crate::client::{ClientError, Ending, Event, Incoming, Refusal};

/// What a frame was, as far as somebody may be waiting for it.
pub(super) enum Absorbed {
    Replayed,
    Live(Event),
    Acknowledged { sequence: u64, backlog: u64 },
    Refused(Refusal),
    Other,
}

impl Seat {
    /// Reads one frame and keeps what is worth keeping.
    pub(super) async fn absorb(&mut self, deadline: Instant) -> Result<Absorbed, ClientError> {
        Ok(match self.read(deadline).await? {
            Incoming::Replay(event) => {
                self.take(event);
                Absorbed::Replayed
            }
            Incoming::Live(event) => {
                self.take(event.clone());
                Absorbed::Live(event)
            }
            Incoming::Ack { sequence, backlog, .. } => {
                self.acked = self.acked.max(sequence);
                Absorbed::Acknowledged { sequence, backlog }
            }
            Incoming::Draining { reconnect_after_ms } => {
                self.reconnect_after = Some(Duration::from_millis(reconnect_after_ms));
                Absorbed::Other
            }
            Incoming::Error(refusal) => Absorbed::Refused(refusal),
            Incoming::Resume(_) => return Err(ClientError::malformed("a second GAME_RESUME")),
            Incoming::Time(timer) => {
                self.timer = Some(*timer);
                Absorbed::Other
            }
            Incoming::Presence { .. } | Incoming::Pong(_) | Incoming::Other { .. } => Absorbed::Other,
        })
    }

    /// Reads one frame; asks once whether anybody is there before it takes silence for a loss.
    async fn read(&mut self, deadline: Instant) -> Result<Incoming, ClientError> {
        let link = self.link.as_mut().ok_or_else(|| Ending::lost("not connected"))?;
        match link.next(left(deadline).min(QUIET)).await {
            Err(ClientError::Deadline { .. }) if Instant::now() < deadline => link.ping("{}").await?,
            result => return result,
        }
        match link.next(left(deadline).min(QUIET)).await {
            Err(ClientError::Deadline { .. }) if Instant::now() < deadline => Err(Ending::lost("silent").into()),
            result => result,
        }
    }

    fn take(&mut self, event: Event) {
        let sent_again = event.reference.as_ref().is_some_and(|reference| {
            self.is_own(&event, reference) && self.sends.get(reference).is_some_and(|times| *times > 1)
        });
        self.history.take(event, sent_again);
    }

    pub(super) fn own_event_after(&self, sequence: u64, reference: &str) -> Option<Event> {
        let newer = self.history.events().iter().rev().take_while(|event| event.sequence > sequence);
        newer.into_iter().find(|event| self.is_own(event, reference)).cloned()
    }

    pub(super) fn is_own(&self, event: &Event, reference: &str) -> bool {
        let user_id = self.welcome.as_ref().map(|welcome| welcome.user_id.as_str());
        event.user_id.as_deref() == user_id && event.reference.as_deref() == Some(reference)
    }
}

/// As long as a server may be silent before we ask: its default heartbeat interval.
const QUIET: Duration = Duration::from_secs(10);
