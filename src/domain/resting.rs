//! Events of a game that nobody is connected to, in little more memory than their payloads take.
//!
//! They lie one after the other in one piece, and what many of them have in common lies there once. What is asked for is
//! made anew; nothing is changed here but by adding at the end and forgetting at the start.

use std::sync::Arc;

use super::{
    Event, EventRef, EventType, Payload, Sequence, Timestamp, UserId,
    event::{ALLOCATION, SHARED},
};

/// How many of the last types and users are searched for one that is there already.
const COMMON: usize = 64;

/// Events without their sequences, oldest first.
///
/// Each is written as its time, the places of its user and type, the length of its ref and of its payload, and the two.
#[derive(Debug, Clone, Default)]
pub(super) struct Resting {
    bytes: Vec<u8>,
    /// Bytes at the start that are of forgotten events.
    forgotten: usize,
    len: usize,
    types: Vec<EventType>,
    users: Vec<UserId>,
}

/// An event as it lies there.
struct Lying<'a> {
    created_at: Timestamp,
    /// Counted from one; zero for none.
    user: usize,
    event_type: usize,
    client_ref: &'a str,
    payload: &'a str,
}

impl Resting {
    /// How many events there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds events at the end.
    pub fn add<'a>(&mut self, events: impl Iterator<Item = &'a Event> + Clone) {
        self.bytes.reserve_exact(events.clone().map(Self::most_bytes).sum());
        for event in events {
            let user = event.user_id.as_ref().map_or(0, |user| place(&mut self.users, user) + 1);
            let event_type = place(&mut self.types, &event.event_type);
            let client_ref = event.client_ref.as_ref().map_or("", EventRef::as_str);
            self.bytes.extend_from_slice(&event.created_at.as_millis().to_le_bytes());
            for number in [user, event_type, client_ref.len(), event.payload.as_str().len()] {
                write(&mut self.bytes, number);
            }
            self.bytes.extend_from_slice(client_ref.as_bytes());
            self.bytes.extend_from_slice(event.payload.as_str().as_bytes());
            self.len += 1;
        }
        self.bytes.shrink_to_fit();
    }

    fn most_bytes(event: &Event) -> usize {
        let texts = event.client_ref.as_ref().map_or(0, |text| text.as_str().len()) + event.payload.as_str().len();
        // Few numbers take more than two bytes.
        size_of::<Timestamp>() + 4 * 2 + texts
    }

    /// Forgets the oldest event, where there is one.
    pub fn forget_first(&mut self) {
        if self.len <= 1 {
            *self = Self::default();
            return;
        }
        let mut rest = &self.bytes[self.forgotten..];
        let before = rest.len();
        Lying::read(&mut rest);
        self.forgotten += before - rest.len();
        self.len -= 1;
        // Moved together only now and then: to forget one costs the same however many there are.
        if self.forgotten * 2 > self.bytes.len() {
            self.bytes.drain(..self.forgotten);
            self.bytes.shrink_to_fit();
            self.forgotten = 0;
        }
    }

    /// The events but for the first `skipped`, of which the first of all has this sequence.
    pub fn from(&self, skipped: usize, first: Sequence) -> impl Iterator<Item = Arc<Event>> {
        let sequences = first.number()..;
        let events = self.lying().zip(sequences).skip(skipped);
        events.map(|(lying, number)| Arc::new(self.wake(&lying, Sequence::new(number))))
    }

    /// The last event of this user with this ref among the newest `window`; the first of all has the sequence `first`.
    pub fn find(&self, user: Option<&UserId>, wanted: &EventRef, window: usize, first: Sequence) -> Option<Arc<Event>> {
        let same = |lying: &Lying| lying.client_ref == wanted.as_str() && self.user(lying) == user;
        let newest = self.lying().zip(first.number()..).skip(self.len.saturating_sub(window));
        let (found, number) = newest.filter(|(lying, _)| same(lying)).last()?;
        Some(Arc::new(self.wake(&found, Sequence::new(number))))
    }

    /// Memory that all of it takes beside this struct, in bytes.
    pub fn accounted_bytes(&self) -> usize {
        let piece = |bytes: usize| if bytes == 0 { 0 } else { bytes + ALLOCATION };
        let text = |text: &str| piece(SHARED + text.len());
        let types: usize = self.types.iter().map(|event_type| text(event_type.as_str())).sum();
        let users: usize = self.users.iter().map(|user| text(user.as_str())).sum();
        let places =
            piece(self.types.capacity() * size_of::<EventType>()) + piece(self.users.capacity() * size_of::<UserId>());
        piece(self.bytes.capacity()) + types + users + places
    }

    fn lying(&self) -> impl Iterator<Item = Lying<'_>> {
        let mut rest = &self.bytes[self.forgotten..];
        std::iter::repeat_with(move || Lying::read(&mut rest)).take(self.len)
    }

    fn user(&self, lying: &Lying) -> Option<&UserId> {
        lying.user.checked_sub(1).map(|place| &self.users[place])
    }

    fn wake(&self, lying: &Lying, sequence: Sequence) -> Event {
        let client_ref = Some(lying.client_ref).filter(|text| !text.is_empty());
        Event {
            sequence,
            event_type: self.types[lying.event_type].clone(),
            payload: Payload::from_store(lying.payload.to_owned()),
            user_id: self.user(lying).cloned(),
            client_ref: client_ref.map(|text| EventRef::parse(text).expect("it was a ref when it was added")),
            created_at: lying.created_at,
        }
    }
}

impl<'a> Lying<'a> {
    /// Reads the event that begins here, and goes past it.
    fn read(rest: &mut &'a [u8]) -> Self {
        let (time, behind) = rest.split_first_chunk().expect("a whole event was added");
        *rest = behind;
        let [user, event_type, of_ref, of_payload] = std::array::from_fn(|_| read(rest));
        let mut text = |len| {
            let (text, behind) = rest.split_at(len);
            *rest = behind;
            std::str::from_utf8(text).expect("a text was added")
        };
        let (client_ref, payload) = (text(of_ref), text(of_payload));
        Self { created_at: Timestamp::from_millis(i64::from_le_bytes(*time)), user, event_type, client_ref, payload }
    }
}

/// The place of a value in a list, where it is put unless it is there.
fn place<T: Clone + PartialEq>(list: &mut Vec<T>, value: &T) -> usize {
    match list.iter().enumerate().rev().take(COMMON).find(|(_, known)| *known == value) {
        Some((place, _)) => place,
        None => {
            // Most games have two users and a few types.
            list.reserve_exact(1);
            list.push(value.clone());
            list.len() - 1
        }
    }
}

/// Writes a number, seven bits a byte, the lowest first (LEB128, as in DWARF and WebAssembly).
fn write(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let [lowest, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return bytes.push(lowest);
        }
        bytes.push(lowest | 0x80);
    }
}

fn read(rest: &mut &[u8]) -> usize {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, behind) = rest.split_first().expect("a whole number was added");
        *rest = behind;
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, event_type: &str, user: Option<&str>, client_ref: Option<&str>, payload: &str) -> Event {
        Event {
            sequence: Sequence::new(number),
            event_type: EventType::parse(event_type).unwrap(),
            payload: Payload::from_json(payload).unwrap(),
            user_id: user.map(|name| UserId::parse(name).unwrap()),
            client_ref: client_ref.map(|text| EventRef::parse(text).unwrap()),
            created_at: Timestamp::from_millis(1_763_700_000_000 + i64::try_from(number).unwrap()),
        }
    }

    fn resting(events: &[Event]) -> Resting {
        let mut resting = Resting::default();
        resting.add(events.iter());
        resting
    }

    fn woken(resting: &Resting, skipped: usize, first: u64) -> Vec<Event> {
        resting.from(skipped, Sequence::new(first)).map(Arc::unwrap_or_clone).collect()
    }

    #[test]
    fn events_come_back_as_they_were() {
        let long = format!(r#"{{"text":"{}"}}"#, "ü".repeat(70_000));
        let events = [
            event(7, "move", Some("ann"), Some("r 1 é"), r#"{"n":1}"#),
            event(8, "chat", Some("bob"), None, &long),
            event(9, "move", None, Some("r2"), "{}"),
        ];

        let resting = resting(&events);

        assert_eq!(woken(&resting, 0, 7), events);
        assert_eq!(woken(&resting, 2, 7), events[2..]);
        assert_eq!(woken(&resting, 3, 7), []);
    }

    #[test]
    fn any_number_of_users_and_types_fits() {
        let name = |number: u64| format!("u{}", number % 300);
        let events: Vec<_> =
            (1..=900).map(|number| event(number, &name(number), Some(&name(number)), None, "{}")).collect();

        assert_eq!(woken(&resting(&events), 0, 1), events);
    }

    #[test]
    fn what_is_forgotten_gives_its_memory_back() {
        let events: Vec<_> = (1..=100).map(|number| event(number, "move", Some("ann"), None, r#"{"n":1}"#)).collect();
        let mut resting = resting(&events);
        let all = resting.accounted_bytes();

        (1..=75).for_each(|_| resting.forget_first());

        assert_eq!(woken(&resting, 0, 76), events[75..]);
        assert!(resting.accounted_bytes() < all * 6 / 10);
        (1..=26).for_each(|_| resting.forget_first());
        assert_eq!((resting.is_empty(), resting.accounted_bytes()), (true, 0));
    }
}
