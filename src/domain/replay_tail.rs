//! The recent events of one game, so that a returning client can catch up from memory.
//!
//! Owns order, the size of the window and its weight. What fell out of the window is in the durable log.

use std::{collections::VecDeque, sync::Arc};

use super::{Event, EventRef, Sequence, UserId, event::ALLOCATION, resting::Resting};

/// How many of the newest events are searched for a repeated ref; for older ones the store's index answers.
const REF_WINDOW: usize = 64;

/// Recent events of one game, oldest first, without holes.
#[derive(Debug, Clone)]
pub struct ReplayTail {
    /// Everything after this one is here.
    start: Sequence,
    /// The oldest of them, where nobody was connected to the game for a while.
    resting: Option<Box<Resting>>,
    events: VecDeque<Arc<Event>>,
    capacity: usize,
    bytes: usize,
}

impl ReplayTail {
    /// Starts an empty tail after `start`, to hold at most `capacity` events.
    #[must_use]
    pub fn new(start: Sequence, capacity: usize) -> Self {
        Self { start, resting: None, events: VecDeque::new(), capacity, bytes: 0 }
    }

    /// The position from which the tail can replay.
    #[must_use]
    pub fn start(&self) -> Sequence {
        self.start
    }

    /// The newest event's sequence, or the start where there is none.
    #[must_use]
    pub fn end(&self) -> Sequence {
        Sequence::new(self.start.number() + self.len() as u64)
    }

    /// How many events are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at_rest() + self.events.len()
    }

    fn at_rest(&self) -> usize {
        self.resting.as_ref().map_or(0, |resting| resting.len())
    }

    /// Whether nothing is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory of the events and of the window that holds them, in bytes.
    #[must_use]
    pub fn accounted_bytes(&self) -> usize {
        // An event counts its own place in the window; what is reserved beyond them is counted here.
        let reserved = (self.events.capacity() - self.events.len()) * size_of::<Arc<Event>>();
        let of_resting = |resting: &Resting| size_of::<Resting>() + ALLOCATION + resting.accounted_bytes();
        self.bytes + reserved + self.resting.as_deref().map_or(0, of_resting)
    }

    /// Puts the events where they take the least memory, until they are forgotten. To look at one costs more from then on.
    pub fn rest(&mut self) {
        if !self.events.is_empty() {
            self.resting.get_or_insert_default().add(self.events.iter().map(AsRef::as_ref));
            self.events = VecDeque::new();
            self.bytes = 0;
        }
    }

    /// Appends the next event, forgetting the oldest when the window is full.
    ///
    /// # Panics
    /// When the event does not follow the last one: a hole must never be replayed.
    pub fn append(&mut self, event: Arc<Event>) {
        assert_eq!(event.sequence, self.end().next(), "a tail has no holes");
        self.bytes += event.accounted_bytes();
        self.events.push_back(event);
        self.shorten_to(self.capacity);
    }

    /// Returns what happened after `seen`, oldest first; `None` when the window does not reach back that far.
    #[must_use]
    pub fn after(&self, seen: Sequence) -> Option<impl Iterator<Item = Arc<Event>>> {
        if seen < self.start {
            return None;
        }
        let skip = usize::try_from(seen.count_after(self.start)).unwrap_or(usize::MAX).min(self.len());
        let resting = self.resting.iter().flat_map(move |resting| resting.from(skip, self.start.next()));
        let events = self.events.range(skip.saturating_sub(self.at_rest())..);
        Some(resting.chain(events.cloned()))
    }

    /// Holds at most `capacity` events from now on.
    pub fn hold(&mut self, capacity: usize) {
        if self.capacity != capacity {
            self.capacity = capacity;
            self.shorten_to(capacity);
        }
    }

    /// Forgets the events up to and with `floor`.
    pub fn prune(&mut self, floor: Sequence) {
        while self.start < floor && self.pop() {}
        self.release();
    }

    /// Forgets the oldest events until at most `len` are left.
    pub fn shorten_to(&mut self, len: usize) {
        while self.len() > len && self.pop() {}
        self.release();
    }

    /// Finds the recent event of this user with this ref.
    #[must_use]
    pub fn find(&self, user: Option<&UserId>, client_ref: &EventRef) -> Option<Arc<Event>> {
        let same =
            |event: &&Arc<Event>| event.client_ref.as_ref() == Some(client_ref) && event.user_id.as_ref() == user;
        let found = self.events.iter().rev().take(REF_WINDOW).find(same).cloned();
        let window = REF_WINDOW.saturating_sub(self.events.len());
        found.or_else(|| self.resting.as_ref()?.find(user, client_ref, window, self.start.next()))
    }

    /// Whether [`find`](Self::find) looks at everything that was ever recorded.
    #[must_use]
    pub fn knows_every_ref(&self) -> bool {
        self.start == Sequence::ZERO && self.len() <= REF_WINDOW
    }

    fn pop(&mut self) -> bool {
        if let Some(resting) = &mut self.resting {
            resting.forget_first();
            self.resting.take_if(|resting| resting.is_empty());
            self.start = self.start.next();
            return true;
        }
        let Some(event) = self.events.pop_front() else { return false };
        self.start = event.sequence;
        self.bytes -= event.accounted_bytes();
        true
    }

    /// Gives memory back once the window is far larger than what it holds.
    fn release(&mut self) {
        if self.events.capacity() > 16 && self.events.capacity() / 4 > self.events.len() {
            self.events.shrink_to(self.events.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EventType, Payload, Timestamp};
    use proptest::prelude::*;

    fn event(number: u64) -> Arc<Event> {
        Arc::new(Event {
            sequence: Sequence::new(number),
            event_type: EventType::parse("move").unwrap(),
            payload: Payload::empty(),
            user_id: None,
            client_ref: EventRef::parse(&format!("r{number}")).ok(),
            created_at: Timestamp::default(),
        })
    }

    fn tail(start: u64, end: u64, capacity: usize) -> ReplayTail {
        let mut tail = ReplayTail::new(Sequence::new(start), capacity);
        (start + 1..=end).for_each(|number| tail.append(event(number)));
        tail
    }

    fn replay(tail: &ReplayTail, seen: u64) -> Option<Vec<u64>> {
        Some(tail.after(Sequence::new(seen))?.map(|event| event.sequence.number()).collect())
    }

    #[test]
    fn another_capacity_forgets_what_is_too_much_and_makes_room_for_more() {
        let mut tail = tail(0, 6, 6);

        tail.hold(2);
        assert_eq!((tail.len(), replay(&tail, 4)), (2, Some(vec![5, 6])));
        tail.hold(4);
        (7..=9).for_each(|number| tail.append(event(number)));

        assert_eq!(replay(&tail, 5), Some(vec![6, 7, 8, 9]));
    }

    #[test]
    fn replay_starts_after_what_was_seen() {
        let tail = tail(3, 8, 10);

        assert_eq!(replay(&tail, 6), Some(vec![7, 8]));
        assert_eq!(replay(&tail, 8), Some(vec![]));
        assert_eq!(replay(&tail, 2), None);
    }

    #[test]
    fn a_full_window_forgets_the_oldest() {
        let tail = tail(0, 9, 4);

        assert_eq!(tail.start(), Sequence::new(5));
        assert_eq!(replay(&tail, 5), Some(vec![6, 7, 8, 9]));
    }

    #[test]
    fn the_end_stays_when_everything_was_pruned() {
        let mut tail = tail(0, 5, 10);

        tail.prune(Sequence::new(5));

        assert!(tail.is_empty());
        assert_eq!(tail.end(), Sequence::new(5));
    }

    #[test]
    fn bytes_return_to_nothing_with_the_last_event() {
        let mut tail = tail(0, 100, 100);
        assert!(tail.accounted_bytes() > 100 * size_of::<Event>());

        tail.prune(Sequence::new(100));

        assert_eq!(tail.bytes, 0);
        assert!(tail.accounted_bytes() < 64 * size_of::<usize>());
    }

    #[test]
    fn a_ref_is_found_for_its_own_user_only() {
        let tail = tail(0, 3, 10);
        let other = UserId::parse("bob").unwrap();
        let wanted = EventRef::parse("r2").unwrap();

        assert_eq!(tail.find(None, &wanted).unwrap().sequence, Sequence::new(2));
        assert!(tail.find(Some(&other), &wanted).is_none());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Append(u8),
        Rest,
        Prune(u64),
        Shorten(usize),
        Hold(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..9_u8).prop_map(Step::Append),
            2 => Just(Step::Rest),
            1 => (0..100_u64).prop_map(Step::Prune),
            1 => (0..20_usize).prop_map(Step::Shorten),
            1 => (1..20_usize).prop_map(Step::Hold),
        ]
    }

    proptest! {
        /// Against a tail that never rests.
        #[test]
        fn a_tail_that_rests_tells_the_same_as_one_that_does_not(steps in prop::collection::vec(step(), 1..100)) {
            let (mut rests, mut does_not) = (tail(3, 3, 15), tail(3, 3, 15));
            for step in steps {
                for tail in [&mut rests, &mut does_not] {
                    match step {
                        Step::Append(events) => (0..events).for_each(|_| tail.append(event(tail.end().number() + 1))),
                        Step::Rest => {}
                        Step::Prune(floor) => tail.prune(Sequence::new(floor.min(tail.end().number()))),
                        Step::Shorten(len) => tail.shorten_to(len),
                        Step::Hold(capacity) => tail.hold(capacity),
                    }
                }
                if let Step::Rest = step {
                    rests.rest();
                }
                prop_assert_eq!((rests.start(), rests.end(), rests.len()), (does_not.start(), does_not.end(), does_not.len()));
                for seen in does_not.start().number().saturating_sub(1)..=does_not.end().number() + 1 {
                    prop_assert_eq!(replay(&rests, seen), replay(&does_not, seen));
                    let wanted = EventRef::parse(&format!("r{seen}")).unwrap();
                    prop_assert_eq!(rests.find(None, &wanted), does_not.find(None, &wanted));
                }
            }
        }
    }
}
