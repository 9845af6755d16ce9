//! What one client has seen of one game, and whether that keeps the protocol's promise.
//!
//! Owns the events; that their sequences follow each other is [`Order`]'s to check. Knows no socket.

use super::{Begun, Event, Fault, Order, Position, Taken, Welcome};

/// The events a client has processed, in the order they came, and every broken promise.
#[derive(Debug, Default)]
pub struct History {
    order: Order,
    events: Vec<Event>,
}

impl History {
    /// Begins a connection. The first one decides where the history starts.
    pub fn begin(&mut self, welcome: &Welcome) {
        match self.order.begin(welcome) {
            Begun::GoesOn => {}
            Begun::GoesBackTo(told) => self.events.retain(|event| event.sequence <= told),
            Begun::StartsOver => self.events.clear(),
        }
    }

    /// Takes the next event. `sent_again` says that this client has sent this very event more than once, so that its
    /// original may come back.
    pub fn take(&mut self, event: Event, sent_again: bool) -> Taken {
        let sequence = event.sequence;
        let is_new = sequence > self.order.last();
        let taken = self.order.take(sequence, sent_again && self.event(sequence) == Some(&event));
        if is_new {
            self.events.push(event);
        }
        taken
    }

    /// Forgets the position, as a reloaded page does: the next connection may start further back, and what it brings
    /// again replaces what was there.
    pub fn forget_position(&mut self) {
        self.order.forget_position();
    }

    /// Where the next connection should go on; `None` at first and after forgetting.
    pub fn position(&self) -> Option<Position> {
        self.order.position()
    }

    /// The last sequence processed.
    pub fn last(&self) -> u64 {
        self.order.last()
    }

    /// Everything seen, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Every broken promise so far.
    pub fn faults(&self) -> &[Fault] {
        self.order.faults()
    }

    pub(super) fn blame(&mut self, fault: Fault) {
        self.order.blame(fault);
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
