//! What a request to record comes to: all of its events or none, each once, each in its place.

use std::sync::Arc;

use super::{Event, Game, NewEvent, Rejection, Sequence, Timestamp};

/// Events that were found fit to be recorded, and the game as it will be once they are.
///
/// Nothing of it counts before it is committed.
#[derive(Debug)]
pub struct Draft {
    first_expected: Sequence,
    events: Vec<Arc<Event>>,
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
    /// Starts from the game as it is committed.
    #[must_use]
    pub fn of(game: &Game) -> Self {
        Self { first_expected: game.head(), events: Vec::new() }
    }

    /// The head that the events build on.
    #[must_use]
    pub fn expected_head(&self) -> Sequence {
        self.first_expected
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
        let drafted = self.events.len();
        for event in request {
            if let Some(original) = recorded_before(game, originals, event) {
                answers.push(Arc::clone(original));
                continue;
            }
            match self.events.iter().position(|other| is_repeat(other, event)) {
                // The request names a ref twice: one event, two answers.
                Some(index) if index >= drafted => answers.push(Arc::clone(&self.events[index])),
                Some(_) => {
                    self.events.truncate(drafted);
                    return Verdict::AfterThis;
                }
                None => match self.append(event, now) {
                    Ok(event) => answers.push(event),
                    Err(rejection) => {
                        self.events.truncate(drafted);
                        return Verdict::Refused(rejection);
                    }
                },
            }
        }
        if self.events.len() == drafted { Verdict::Repeat(answers) } else { Verdict::Record(answers) }
    }

    fn append(&mut self, event: &NewEvent, now: Timestamp) -> Result<Arc<Event>, Rejection> {
        let head = self.head();
        if let Some(expected) = event.expect.filter(|expected| *expected != head) {
            return Err(Rejection::Conflict { expected, head });
        }
        let event = Arc::new(event.clone().at(head.next(), now));
        self.events.push(Arc::clone(&event));
        Ok(event)
    }
}

fn is_repeat(recorded: &Event, asked: &NewEvent) -> bool {
    asked.client_ref.is_some() && recorded.client_ref == asked.client_ref && recorded.user_id == asked.user_id
}

fn recorded_before<'a>(game: &'a Game, originals: &'a [Arc<Event>], asked: &NewEvent) -> Option<&'a Arc<Event>> {
    let in_memory = game.tail().find(asked.user_id.as_ref(), asked.client_ref.as_ref()?);
    in_memory.or_else(|| originals.iter().find(|original| is_repeat(original, asked)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EventRef, EventType, GameId, Payload, UserId};

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn asked(client_ref: Option<&str>, expect: Option<u64>) -> NewEvent {
        NewEvent {
            event_type: EventType::parse("move").unwrap(),
            payload: Payload::empty(),
            user_id: UserId::parse("ann").ok(),
            client_ref: client_ref.map(|text| EventRef::parse(text).unwrap()),
            expect: expect.map(Sequence::new),
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

        let mut draft = Draft::of(&game);
        let Verdict::Record(events) = draft.consider(&game, &[], &[asked(None, None)], NOW) else { panic!("refused") };

        assert_eq!(events[0].sequence, Sequence::new(6));
    }

    #[test]
    fn a_ref_is_recorded_once_within_a_request_and_across_them() {
        let game = game(3);
        let mut draft = Draft::of(&game);

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
        let mut draft = Draft::of(&game);

        let verdict = draft.consider(&game, &[], &[asked(None, Some(3)), asked(None, Some(3))], NOW);

        let (expected, head) = (Sequence::new(3), Sequence::new(4));
        assert_eq!(verdict, Verdict::Refused(Rejection::Conflict { expected, head }));
        assert!(draft.events().is_empty());
    }
}
