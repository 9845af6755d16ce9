//! What a request to record comes to: all of its events or none, each once, each in its place.

use std::sync::Arc;

use super::{Event, Game, GameClock, NewEvent, Rejection, Sequence, Timestamp};

/// Events that were found fit to be recorded, and the game as it will be once they are.
///
/// Nothing of it counts before it is committed.
#[derive(Debug)]
pub struct Draft {
    first_expected: Sequence,
    events: Vec<Arc<Event>>,
    clock: Option<Box<GameClock>>,
    expected_clock: u64,
}

/// What the rules say to one request to record.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be recorded: one entry an event asked for, some of which may be repeats.
    Record(Vec<Arc<Event>>),
    /// Every event of it was recorded before.
    Repeat(Vec<Arc<Event>>),
    /// An event of it repeats one that waits in this very draft: to be asked again once that is committed.
    AfterThis,
    /// Not allowed.
    Refused(Rejection),
}

impl Draft {
    /// Starts from the game as it is committed. A flag that is due falls before anything else happens.
    #[must_use]
    pub fn of(game: &Game, now: Timestamp) -> Self {
        let mut clock = game.clock.clone();
        let fall = clock.as_mut().and_then(|clock| clock.fall(now));
        let events = fall.map(|fall| Arc::new(Event::of_flag_fall(fall, game.head().next())));
        Self {
            first_expected: game.head(),
            events: events.into_iter().collect(),
            clock,
            expected_clock: game.clock_version(),
        }
    }

    /// The head that the events build on.
    #[must_use]
    pub fn expected_head(&self) -> Sequence {
        self.first_expected
    }

    /// The version of the clocks that the events build on.
    #[must_use]
    pub fn expected_clock(&self) -> u64 {
        self.expected_clock
    }

    /// The clocks as they will be, where an event changes them.
    #[must_use]
    pub fn clock(&self) -> Option<&GameClock> {
        self.clock.as_deref().filter(|clock| clock.version() != self.expected_clock)
    }

    /// The events to commit, in order.
    #[must_use]
    pub fn events(&self) -> &[Arc<Event>] {
        &self.events
    }

    fn head(&self) -> Sequence {
        self.events.last().map_or(self.first_expected, |event| event.sequence)
    }

    /// Decides on a request: all of its events or none, in their order.
    ///
    /// `originals` are events that the game no longer has in memory, but the store found to be repeated.
    pub fn consider(&mut self, game: &Game, originals: &[Arc<Event>], request: &[NewEvent], now: Timestamp) -> Verdict {
        let mut answers = Vec::with_capacity(request.len());
        let (drafted, clock_before) = (self.events.len(), self.clock.clone());
        for event in request {
            if let Some(original) = recorded_before(game, originals, event) {
                answers.push(original);
                continue;
            }
            match self.events.iter().position(|other| is_repeat(other, event)) {
                // The request names a ref twice: one event, two answers.
                Some(index) if index >= drafted => answers.push(Arc::clone(&self.events[index])),
                Some(_) => {
                    self.take_back(drafted, clock_before);
                    return Verdict::AfterThis;
                }
                None => match self.append(event, now) {
                    Ok(event) => answers.push(event),
                    Err(rejection) => {
                        self.take_back(drafted, clock_before);
                        return Verdict::Refused(rejection);
                    }
                },
            }
        }
        if self.events.len() == drafted { Verdict::Repeat(answers) } else { Verdict::Record(answers) }
    }

    fn take_back(&mut self, drafted: usize, clock: Option<Box<GameClock>>) {
        self.events.truncate(drafted);
        self.clock = clock;
    }

    fn append(&mut self, event: &NewEvent, now: Timestamp) -> Result<Arc<Event>, Rejection> {
        let head = self.head();
        if let Some(expected) = event.expect.filter(|expected| *expected != head) {
            return Err(Rejection::Conflict { expected, head });
        }
        if let Some(clock) = self.clock.as_mut().filter(|clock| clock.control().ends_turn(&event.event_type)) {
            clock.end_turn(event.user_id.as_ref(), event.next.as_ref(), now)?;
        }
        let event = Arc::new(event.clone().at(head.next(), now));
        self.events.push(Arc::clone(&event));
        Ok(event)
    }
}

fn is_repeat(recorded: &Event, asked: &NewEvent) -> bool {
    asked.client_ref.is_some() && recorded.client_ref == asked.client_ref && recorded.user_id == asked.user_id
}

fn recorded_before(game: &Game, originals: &[Arc<Event>], asked: &NewEvent) -> Option<Arc<Event>> {
    let in_memory = game.tail().find(asked.user_id.as_ref(), asked.client_ref.as_ref()?);
    in_memory.or_else(|| originals.iter().find(|original| is_repeat(original, asked)).cloned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{EventRef, EventType, GameId, Pace, Payload, Preset, TimeControl, UserId};

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn asked(client_ref: Option<&str>, expect: Option<u64>) -> NewEvent {
        NewEvent {
            event_type: EventType::parse("move").unwrap(),
            payload: Payload::empty(),
            user_id: UserId::parse("ann").ok(),
            client_ref: client_ref.map(|text| EventRef::parse(text).unwrap()),
            expect: expect.map(Sequence::new),
            next: None,
        }
    }

    /// A game with `head` events.
    fn game(head: u64) -> Game {
        let mut game = Game::new(GameId::parse("g").unwrap(), NOW, 100);
        for number in 1..=head {
            let event = asked(Some(&format!("r{number}")), None).at(Sequence::new(number), NOW);
            game.commit(Arc::new(event));
        }
        game
    }

    #[test]
    fn the_sequence_continues_after_everything_was_pruned() {
        let mut game = game(5);
        game.prune(Sequence::new(5));

        let mut draft = Draft::of(&game, NOW);
        let Verdict::Record(events) = draft.consider(&game, &[], &[asked(None, None)], NOW) else { panic!("refused") };

        assert_eq!(events[0].sequence, Sequence::new(6));
    }

    #[test]
    fn a_ref_is_recorded_once_within_a_request_and_across_them() {
        let game = game(3);
        let mut draft = Draft::of(&game, NOW);

        let twice = draft.consider(&game, &[], &[asked(Some("new"), None), asked(Some("new"), None)], NOW);
        let Verdict::Record(answers) = twice else { panic!("{twice:?}") };
        assert_eq!(answers[0], answers[1]);
        assert_eq!(draft.events().len(), 1);

        assert_eq!(draft.consider(&game, &[], &[asked(Some("new"), None)], NOW), Verdict::AfterThis);
        let Verdict::Repeat(original) = draft.consider(&game, &[], &[asked(Some("r2"), None)], NOW) else {
            panic!("new")
        };
        assert_eq!(original[0].sequence, Sequence::new(2));
    }

    #[test]
    fn a_request_is_recorded_whole_or_not_at_all() {
        let game = game(3);
        let mut draft = Draft::of(&game, NOW);

        let verdict = draft.consider(&game, &[], &[asked(None, Some(3)), asked(None, Some(3))], NOW);

        let (expected, head) = (Sequence::new(3), Sequence::new(4));
        assert_eq!(verdict, Verdict::Refused(Rejection::Conflict { expected, head }));
        assert!(draft.events().is_empty());
    }

    /// A game of Ann and Bob, five seconds each, whose clocks run since `NOW`.
    fn timed() -> Game {
        let pace = Pace { total: Duration::from_secs(5), increment: Duration::ZERO, delay: Duration::ZERO };
        let control = TimeControl::new(Preset::Custom, pace).unwrap();
        let players = ["ann", "bob"].map(|name| UserId::parse(name).unwrap());
        let mut clock = GameClock::new(control, &players).unwrap();
        clock.run(NOW).unwrap();
        let mut game = game(3);
        game.clock = Some(Box::new(clock));
        game
    }

    fn by(name: Option<&str>, kind: &str) -> NewEvent {
        let user_id = name.map(|name| UserId::parse(name).unwrap());
        NewEvent { event_type: EventType::parse(kind).unwrap(), user_id, ..asked(None, None) }
    }

    #[test]
    fn the_clocks_go_with_the_turns_of_a_request_or_not_at_all() {
        let game = timed();
        let mut draft = Draft::of(&game, NOW);
        let later = NOW.plus(Duration::from_secs(2));

        for wrong in [
            by(Some("ann"), "move"),
            by(None, "move"),
            NewEvent { next: UserId::parse("eve").ok(), ..by(Some("bob"), "move") },
        ] {
            let refused = draft.consider(&game, &[], &[by(Some("ann"), "move"), wrong], later);
            assert!(matches!(refused, Verdict::Refused(Rejection::NotYourTurn | Rejection::NoPlayer("next"))));
            assert_eq!((draft.events().len(), draft.clock()), (0, None));
        }
        let chat = draft.consider(&game, &[], &[by(None, "chat"), by(Some("bob"), "chat")], later);
        assert!(matches!(chat, Verdict::Record(_)));
        assert_eq!(draft.clock(), None, "talking ends no turn");
        let turns = draft.consider(&game, &[], &[by(Some("ann"), "move"), by(Some("bob"), "move")], later);

        assert!(matches!(turns, Verdict::Record(_)));
        let clock = draft.clock().unwrap();
        assert_eq!((clock.version(), clock.active().as_str()), (draft.expected_clock() + 2, "ann"));
        assert_eq!(clock.reading().left, [Duration::from_secs(3), Duration::from_secs(5)]);
    }

    #[test]
    fn a_flag_that_is_due_falls_before_anything_else_happens() {
        let game = timed();
        let later = NOW.plus(Duration::from_secs(9));
        let mut draft = Draft::of(&game, later);

        let turn = draft.consider(&game, &[], &[by(Some("ann"), "move")], later);
        let chat = draft.consider(&game, &[], &[by(Some("ann"), "chat")], later);

        assert_eq!(turn, Verdict::Refused(Rejection::FlagFallen));
        assert!(matches!(chat, Verdict::Record(_)));
        let [fall, chat] = draft.events() else { panic!("{:?}", draft.events()) };
        assert_eq!(
            (fall.event_type.as_str(), fall.user_id.as_ref(), fall.sequence),
            ("flag_fall", None, Sequence::new(4))
        );
        assert_eq!(fall.payload.as_str(), r#"{"userId":"ann","remainingMs":0}"#);
        assert_eq!(fall.created_at, NOW.plus(Duration::from_secs(5)), "when it was due");
        assert_eq!(chat.sequence, Sequence::new(5));
    }
}
