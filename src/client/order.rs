//! Whether sequences follow each other without gap or repeat, across any number of connections of one client.
//!
//! Keeps a position and no event, so that a load run can afford one for each of its players. Knows no socket.

use thiserror::Error;

use super::{Position, Welcome};

/// Where one client is in one game, and every broken promise on the way there.
#[derive(Debug, Default)]
pub struct Order {
    epoch: Option<String>,
    last: u64,
    faults: Vec<Fault>,
    holds_position: bool,
}

/// What a connection means for what was seen before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    GoesOn,
    /// What came after this sequence comes again, as it was asked to.
    GoesBackTo(u64),
    /// Nothing of before counts.
    StartsOver,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    New,
    /// The confirmation of an event sent twice, seen before.
    ConfirmedAgain,
    Fault,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("event {sequence} came after {last}: what lies between is missing")]
    Gap { last: u64, sequence: u64 },
    #[error("event {sequence} came again after {last}")]
    Repeat { last: u64, sequence: u64 },
    #[error("the replay starts after {told}, but everything up to {last} was seen already")]
    Position { last: u64, told: u64 },
    #[error("the server cannot recover what was missed after {last}")]
    NotRecovered { last: u64 },
    #[error("the game is in another life: epoch `{told}` instead of `{held}`")]
    OtherLife { held: String, told: String },
    #[error("{told} events were promised for the replay, {came} came")]
    ReplayCount { told: u64, came: u64 },
}

impl Order {
    /// Begins a connection. The first one decides where it starts.
    pub fn begin(&mut self, welcome: &Welcome) -> Begun {
        let told = welcome.last_sequence;
        let mut begun = Begun::GoesOn;
        match self.epoch.replace(welcome.epoch.clone()) {
            None => {}
            Some(held) if held != welcome.epoch => {
                self.faults.push(Fault::OtherLife { held, told: welcome.epoch.clone() });
                begun = Begun::StartsOver;
            }
            Some(_) if !welcome.recovered => self.faults.push(Fault::NotRecovered { last: self.last }),
            Some(_) if !self.holds_position && told <= self.last => begun = Begun::GoesBackTo(told),
            Some(_) if told != self.last => self.faults.push(Fault::Position { last: self.last, told }),
            Some(_) => {}
        }
        self.last = told;
        self.holds_position = true;
        begun
    }

    /// Takes the next event. `may_come_again` says that it is known and was sent more than once, so that the original
    /// may come back.
    pub fn take(&mut self, sequence: u64, may_come_again: bool) -> Taken {
        let last = self.last;
        if sequence <= last {
            if may_come_again {
                return Taken::ConfirmedAgain;
            }
            self.faults.push(Fault::Repeat { last, sequence });
            return Taken::Fault;
        }
        self.last = sequence;
        if sequence > last + 1 {
            self.faults.push(Fault::Gap { last, sequence });
            return Taken::Fault;
        }
        Taken::New
    }

    /// Forgets the position, as a reloaded page does: the next connection may start further back.
    pub fn forget_position(&mut self) {
        self.holds_position = false;
    }

    /// Where the next connection should go on; `None` at first and after forgetting.
    pub fn position(&self) -> Option<Position> {
        let epoch = self.epoch.clone().filter(|_| self.holds_position)?;
        Some(Position { after: self.last, epoch })
    }

    /// The last sequence taken.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Every broken promise so far.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Adds what the order of sequences alone does not show.
    pub(super) fn blame(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}
