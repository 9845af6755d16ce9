//! A player who loses connections and comes back to the same seat, with nothing missed and nothing doubled.
//!
//! Keeps what a game must keep between two connections: token, position, what was sent and not yet confirmed. Leaves
//! the frames to [`Link`], the checking to [`History`].

mod absorb;
mod reconnect;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use self::absorb::Absorbed;
use super::{Backoff, ClientError, Dial, Ending, Event, History, Link, Outgoing, Timer, Welcome};

/// One user's place in one game. Every wait ends at the deadline it is given.
///
/// Reconnects by itself, as the protocol's table of close codes advises; sends again, under the same `ref`, what was not
/// confirmed; repeats an acknowledgement the server does not know of.
pub struct Seat {
    dial: Dial,
    link: Option<Link>,
    connected_at: Instant,
    welcome: Option<Welcome>,
    timer: Option<Timer>,
    history: History,
    acked: u64,
    ack_wanted: u64,
    sends: HashMap<String, u32>,
    backoff: Backoff,
    /// Between two tries of a message that was refused; a connection that is lost has nothing to do with it.
    refused: Backoff,
    refusals: BTreeMap<String, u32>,
    reconnect_after: Option<Duration>,
    resumes: Vec<Resumed>,
    losses: u32,
}

/// One successful return with a resume token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    pub replayed: u64,
    /// From dialling until the last event of the replay was here.
    pub latency: Duration,
}

impl Seat {
    /// A seat that connects when it is first needed, with what the dial brings, and with its resume token from then on.
    pub fn new(dial: Dial) -> Self {
        Self {
            dial,
            link: None,
            connected_at: Instant::now(),
            welcome: None,
            timer: None,
            history: History::default(),
            acked: 0,
            ack_wanted: 0,
            sends: HashMap::new(),
            backoff: Backoff::default(),
            refused: Backoff::default(),
            refusals: BTreeMap::new(),
            reconnect_after: None,
            resumes: Vec::new(),
            losses: 0,
        }
    }

    /// Connects, dialling again as often as advised, and takes in the replay. Returns at once where it is connected.
    ///
    /// # Errors
    /// `GaveUp`: the deadline came first. Anything else: the server's answer forbids trying again.
    pub async fn resume(&mut self, deadline: Instant) -> Result<(), ClientError> {
        while self.link.is_none() {
            if let Err(error) = self.dial_once(deadline).await {
                self.recover(error, deadline).await?;
            }
        }
        Ok(())
    }

    /// Records an event and returns it as everybody sees it, however many connections that takes.
    ///
    /// # Errors
    /// `Refused`: for a reason that will not pass. Otherwise as [`Seat::resume`].
    pub async fn play(
        &mut self,
        event_type: &str,
        payload: &str,
        reference: &str,
        deadline: Instant,
    ) -> Result<Event, ClientError> {
        let outgoing = Outgoing::event(event_type, payload).named(reference);
        let seen_before = self.history.last();
        loop {
            self.resume(deadline).await?;
            // It may have been recorded before the last connection broke, and have come back in the replay.
            if let Some(event) = self.own_event_after(seen_before, reference) {
                return Ok(event);
            }
            match self.send_and_await(&outgoing, reference, deadline).await {
                Ok(event) => {
                    self.refused = Backoff::default();
                    return Ok(event);
                }
                Err(error) => self.recover(error, deadline).await?,
            }
        }
    }

    /// Sends an event and waits for nothing. [`Seat::play`] with the same reference finds out what became of it.
    ///
    /// # Errors
    /// As [`Link::send`]; the seat must be connected.
    pub async fn say(&mut self, outgoing: &Outgoing) -> Result<(), ClientError> {
        let link = self.link.as_mut().ok_or_else(|| Ending::lost("not connected"))?;
        if let Some(reference) = outgoing.reference() {
            *self.sends.entry(reference.to_owned()).or_default() += 1;
        }
        link.send(outgoing).await
    }

    /// Waits until everything up to `sequence` was seen.
    ///
    /// # Errors
    /// As [`Seat::resume`].
    pub async fn see(&mut self, sequence: u64, deadline: Instant) -> Result<(), ClientError> {
        loop {
            self.resume(deadline).await?;
            if self.history.last() >= sequence {
                return Ok(());
            }
            if let Err(error) = self.absorb(deadline).await {
                self.recover(error, deadline).await?;
            }
        }
    }

    /// Takes in whatever comes until then, to see that nothing does. Reconnecting may take longer, until the deadline.
    ///
    /// # Errors
    /// As [`Seat::resume`].
    pub async fn listen(&mut self, until: Instant, deadline: Instant) -> Result<(), ClientError> {
        while Instant::now() < until {
            self.resume(deadline).await?;
            match self.absorb(until).await {
                Ok(_) | Err(ClientError::Deadline { .. }) => {}
                Err(error) => self.recover(error, deadline).await?,
            }
        }
        Ok(())
    }

    /// Acknowledges everything up to `sequence`, and returns the backlog the server confirmed it with. `None` where the
    /// server knew already, which it does not confirm again.
    ///
    /// # Errors
    /// `Refused`: above the head, or a spectator. Otherwise as [`Seat::resume`].
    pub async fn acknowledge(&mut self, sequence: u64, deadline: Instant) -> Result<Option<u64>, ClientError> {
        self.ack_wanted = self.ack_wanted.max(sequence);
        loop {
            self.resume(deadline).await?;
            if self.acked >= sequence {
                return Ok(None);
            }
            match self.ack_and_await(sequence, deadline).await {
                Ok(backlog) => return Ok(Some(backlog)),
                Err(error) => self.recover(error, deadline).await?,
            }
        }
    }

    /// Drops the connection the hard way, see [`Link::cut`]. The next call dials again, without a pause.
    pub fn cut(&mut self) {
        if let Some(link) = self.link.take() {
            link.cut();
        }
    }

    /// Says goodbye; the seat itself stays.
    pub async fn close(&mut self) {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    /// Forgets the position, as a reloaded page does: the next connection brings its token alone.
    pub fn forget_position(&mut self) {
        self.history.forget_position();
    }

    /// What it has seen, and what was wrong with that.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What the server said first on the latest connection.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// What the clocks showed when the server last said so.
    pub fn timer(&self) -> Option<&Timer> {
        self.timer.as_ref()
    }

    /// The last acknowledgement the server is known to have.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// The highest acknowledgement the server may have.
    pub fn ack_wanted(&self) -> u64 {
        self.ack_wanted.max(self.acked)
    }

    /// Every return with a resume token, oldest first.
    pub fn resumes(&self) -> &[Resumed] {
        &self.resumes
    }

    /// How many connections ended without this client wanting it.
    pub fn losses(&self) -> u32 {
        self.losses
    }

    /// How many times an event was sent again.
    pub fn resent(&self) -> u32 {
        self.sends.values().map(|times| times - 1).sum()
    }

    /// How often each passing refusal was met, by its code.
    pub fn refusals(&self) -> &BTreeMap<String, u32> {
        &self.refusals
    }

    /// The connection, while there is one, for tests that speak for themselves.
    pub fn link(&mut self) -> Option<&mut Link> {
        self.link.as_mut()
    }

    async fn send_and_await(
        &mut self,
        outgoing: &Outgoing,
        reference: &str,
        deadline: Instant,
    ) -> Result<Event, ClientError> {
        self.say(outgoing).await?;
        loop {
            match self.absorb(deadline).await? {
                Absorbed::Live(event) if self.is_own(&event, reference) => return Ok(event),
                // A refusal without a reference can only mean the one message under way.
                Absorbed::Refused(refusal) if refusal.reference.as_deref().is_none_or(|named| named == reference) => {
                    return Err(ClientError::Refused(refusal));
                }
                Absorbed::Live(_)
                | Absorbed::Replayed
                | Absorbed::Acknowledged { .. }
                | Absorbed::Refused(_)
                | Absorbed::Other => {}
            }
        }
    }

    async fn ack_and_await(&mut self, sequence: u64, deadline: Instant) -> Result<u64, ClientError> {
        let link = self.link.as_mut().ok_or_else(|| Ending::lost("not connected"))?;
        link.ack(sequence).await?;
        loop {
            match self.absorb(deadline).await? {
                Absorbed::Acknowledged { sequence: confirmed, backlog } if confirmed >= sequence => return Ok(backlog),
                Absorbed::Refused(refusal) if refusal.reference.is_none() => return Err(ClientError::Refused(refusal)),
                Absorbed::Live(_)
                | Absorbed::Replayed
                | Absorbed::Acknowledged { .. }
                | Absorbed::Refused(_)
                | Absorbed::Other => {}
            }
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
