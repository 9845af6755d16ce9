//! What one client has seen of one game, and whether that keeps the protocol's promise.
//!
//! Owns the check that sequences follow each other without gap or repeat, across any number of connections. Knows no
//! socket.

use thiserror::Error;

use super::{Event, Position, Welcome};

/// The events a client has processed, in the order they came, and every broken promise.
#[derive(Debug, Default)]
pub struct History {
    epoch: Option<String>,
    last: u64,
    events: Vec<Event>,
    faults: Vec<Fault>,
    holds_position: bool,
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

impl History {
    /// Begins a connection. The first one decides where the history starts.
    pub fn begin(&mut self, welcome: &Welcome) {
        let told = welcome.last_sequence;
        match self.epoch.replace(welcome.epoch.clone()) {
            None => {}
            Some(held) if held != welcome.epoch => {
                self.faults.push(Fault::OtherLife { held, told: welcome.epoch.clone() });
                self.events.clear();
            }
            Some(_) if !welcome.recovered => self.faults.push(Fault::NotRecovered { last: self.last }),
            Some(_) if !self.holds_position && told <= self.last => {
                self.events.retain(|event| event.sequence <= told);
            }
            Some(_) if told != self.last => self.faults.push(Fault::Position { last: self.last, told }),
            Some(_) => {}
        }
        self.last = told;
        self.holds_position = true;
    }

    /// Takes the next event. `sent_again` says that this client has sent this very event more than once, so that its
    /// original may come back.
    pub fn take(&mut self, event: Event, sent_again: bool) -> Taken {
        let (last, sequence) = (self.last, event.sequence);
        if sequence <= last {
            if sent_again && self.event(sequence) == Some(&event) {
                return Taken::ConfirmedAgain;
            }
            self.faults.push(Fault::Repeat { last, sequence });
            return Taken::Fault;
        }
        self.last = sequence;
        self.events.push(event);
        if sequence > last + 1 {
            self.faults.push(Fault::Gap { last, sequence });
            return Taken::Fault;
        }
        Taken::New
    }

    /// Forgets the position, as a reloaded page does: the next connection may start further back, and what it brings
    /// again replaces what was there.
    pub fn forget_position(&mut self) {
        self.holds_position = false;
    }

    /// Where the next connection should go on; `None` at first and after forgetting.
    pub fn position(&self) -> Option<Position> {
        let epoch = self.epoch.clone().filter(|_| self.holds_position)?;
        Some(Position { after: self.last, epoch })
    }

    /// The last sequence processed.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Everything seen, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Every broken promise so far.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub(super) fn blame(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn event(&self, sequence: u64) -> Option<&Event> {
        let index = self.events.binary_search_by_key(&sequence, |event| event.sequence).ok()?;
        self.events.get(index)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{super::fake_server, *};

    fn event(sequence: u64) -> Event {
        Event {
            sequence,
            event_type: "move".into(),
            payload: RawValue::from_string(r#"{"n":1.0}"#.into()).unwrap(),
            user_id: Some("ann".into()),
            reference: Some(format!("r{sequence}")),
            created_at_ms: 1,
        }
    }

    fn seen(sequences: std::ops::RangeInclusive<u64>) -> History {
        let mut history = History::default();
        history.begin(&welcome(0));
        for sequence in sequences {
            history.take(event(sequence), false);
        }
        history
    }

    fn welcome(last_sequence: u64) -> Welcome {
        Welcome { last_sequence, ..fake_server::welcome("g", "ann") }
    }

    #[test]
    fn a_reconnect_that_goes_on_where_it_stopped_has_no_fault() {
        let mut history = seen(1..=3);

        history.begin(&welcome(3));

        assert_eq!(history.take(event(4), false), Taken::New);
        assert_eq!((history.last(), history.faults()), (4, [].as_slice()));
    }

    #[test]
    fn a_gap_is_found_once() {
        let mut history = seen(1..=3);

        history.take(event(5), false);
        history.take(event(6), false);

        assert_eq!(history.faults(), [Fault::Gap { last: 3, sequence: 5 }]);
    }

    #[test]
    fn an_event_may_come_again_only_to_whoever_sent_it_again() {
        let mut history = seen(1..=3);

        assert_eq!(history.take(event(2), true), Taken::ConfirmedAgain);
        assert_eq!(history.take(event(2), false), Taken::Fault);
        assert_eq!(history.take(Event { created_at_ms: 9, ..event(2) }, true), Taken::Fault);
        assert_eq!(history.faults(), vec![Fault::Repeat { last: 3, sequence: 2 }; 2]);
    }

    #[test]
    fn a_replay_from_elsewhere_is_a_fault() {
        let mut history = seen(1..=3);

        history.begin(&welcome(2));

        assert_eq!(history.faults(), [Fault::Position { last: 3, told: 2 }]);
    }

    #[test]
    fn a_reloaded_page_takes_what_it_missed_from_its_acknowledgement_on() {
        let mut history = seen(1..=5);
        history.forget_position();
        assert_eq!(history.position(), None);

        history.begin(&welcome(3));
        for sequence in 4..=6 {
            assert_eq!(history.take(event(sequence), false), Taken::New);
        }

        assert_eq!(history.faults(), []);
        assert_eq!(history.events().iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn another_life_of_the_game_starts_the_history_over() {
        let mut history = seen(1..=3);

        history.begin(&Welcome { epoch: "e2".into(), ..welcome(0) });

        assert_eq!(history.faults(), [Fault::OtherLife { held: "e1".into(), told: "e2".into() }]);
        assert_eq!((history.last(), history.events().len()), (0, 0));
    }
}
