//! The last comings and goings of connections, for people who ask why a resume failed or lost something.
//!
//! Bounded, and off the way of moves: it is written when a connection comes, is turned away or ends.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::{
    domain::{Farewell, GameId, Gap, Role, Sequence, Timestamp, UserId},
    shard::messages::{Source, Welcome},
    wire::close_code::Closing,
};

/// Comings and goings that a node remembers. Each takes some 200 bytes, and its names.
const KNOWN: usize = 1_024;
/// Those of callers who showed nothing good, remembered apart: whoever knocks with made-up tokens pushes out no player.
const STRANGERS: usize = 256;

/// The last comings and goings of this node.
#[derive(Default)]
pub struct Logbook {
    known: Mutex<VecDeque<Visit>>,
    strangers: Mutex<VecDeque<Visit>>,
}

/// One coming or going.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    pub at: Timestamp,
    pub game_id: GameId,
    /// `None` for a stranger.
    pub user_id: Option<UserId>,
    pub what: Happening,
}

/// What became of a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    Came(Coming),
    TurnedAway(Farewell),
    /// By the service's farewell, or because it was lost or closed by its client.
    Left(Option<Farewell>),
}

/// How a connection came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Coming {
    pub role: Role,
    pub resumed: bool,
    pub gap: Option<Gap>,
    pub from: Sequence,
    pub head: Sequence,
    pub floor: Sequence,
    pub summary: Option<Sequence>,
    pub source: Source,
}

impl Logbook {
    /// Remembers something, and forgets the oldest of its kind where there is no room.
    pub fn note(&self, visit: Visit) {
        let (visits, capacity) = match visit.user_id {
            Some(_) => (&self.known, KNOWN),
            None => (&self.strangers, STRANGERS),
        };
        let mut visits = visits.lock();
        if visits.len() == capacity {
            visits.pop_front();
        }
        visits.push_back(visit);
    }

    /// The newest visits of a game, newest first.
    #[must_use]
    pub fn of_game(&self, game_id: &GameId, limit: usize) -> Vec<Visit> {
        let newest = |visits: &Mutex<VecDeque<Visit>>| -> Vec<Visit> {
            let visits = visits.lock();
            visits.iter().rev().filter(|visit| visit.game_id == *game_id).take(limit).cloned().collect()
        };
        let mut found = newest(&self.known);
        found.extend(newest(&self.strangers));
        found.sort_by_key(|visit| std::cmp::Reverse(visit.at));
        found.truncate(limit);
        found
    }
}

impl From<&Welcome> for Coming {
    fn from(welcome: &Welcome) -> Self {
        Self {
            role: welcome.role,
            resumed: welcome.resumed,
            gap: welcome.gap,
            from: welcome.from,
            head: welcome.head,
            floor: welcome.floor,
            summary: welcome.summary.as_ref().map(|summary| summary.sequence),
            source: welcome.source,
        }
    }
}

impl Happening {
    /// Its name for programs.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Came(Coming { gap: Some(_), .. }) => "not_recovered",
            Self::Came(Coming { role: Role::Spectator, .. }) => "watching",
            Self::Came(Coming { resumed: true, .. }) => "resumed",
            Self::Came(Coming { resumed: false, .. }) => "new_session",
            Self::TurnedAway(_) => "refused",
            Self::Left(_) => "ended",
        }
    }

    /// Why, for programs, where there is something to ask about: of a gap, or the reason of a close.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Came(coming) => coming.gap.map(|gap| match gap {
                Gap::OtherEpoch => "other_epoch",
                Gap::AboveHead(_) => "above_head",
                Gap::BelowFloor(_) => "below_floor",
            }),
            Self::TurnedAway(why) | Self::Left(Some(why)) => Some(Closing::from(*why).reason),
            Self::Left(None) => None,
        }
    }

    /// What happened, in a sentence for people.
    #[must_use]
    pub fn explanation(&self) -> String {
        match self {
            Self::Came(coming) => coming.explanation(),
            Self::TurnedAway(why) => format!("Was not let in: {}.", meaning(*why)),
            Self::Left(Some(why)) => format!("The connection ended: {}.", meaning(*why)),
            Self::Left(None) => "The connection was lost, or its client closed it.".to_owned(),
        }
    }
}

impl Coming {
    fn explanation(&self) -> String {
        let Self { from, head, floor, .. } = *self;
        let missed = head.count_after(from);
        let follows = match self.summary {
            Some(summary) => format!("It was given the summary at {summary} and the {} after {from}.", events(missed)),
            None => format!("It was given the {} that are left after {from}.", events(missed)),
        };
        match self.gap {
            Some(Gap::BelowFloor(position)) => {
                let lost = events(floor.count_after(position));
                format!(
                    "The client stood at {position}, but everything up to {floor} had been pruned: {lost} of what it missed are gone. {follows}"
                )
            }
            Some(Gap::AboveHead(said)) => {
                format!(
                    "The client said {said}, but the game's head was {head}: what it has seen is of another life of the game. {follows}"
                )
            }
            Some(Gap::OtherEpoch) => {
                format!(
                    "The client's position is of another epoch: the game was deleted and made again, or its store went back in time. {follows}"
                )
            }
            None if missed == 0 => format!("Nothing was missed: it goes on after {from}."),
            None if self.resumed => format!("Got the {} it had missed after {from}, up to {head}.", events(missed)),
            None => format!("Came for the first time and got the {} after {from}.", events(missed)),
        }
    }
}

fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{count} events") }
}

/// What a farewell means to somebody who looks for its cause.
fn meaning(why: Farewell) -> &'static str {
    match why {
        Farewell::GameEnded => "the game was ended, or its node found it gone",
        Farewell::TextOnly => "the client sent a binary message",
        Farewell::MissingGame => "no game was named",
        Farewell::Unauthorized => "the access token is missing, forged or expired",
        Farewell::Forbidden => "the user may not join this game, or there is none",
        Farewell::InvalidToken => "the resume token is forged, of another game, or a newer one has replaced it",
        Farewell::SessionRevoked => "the session was revoked",
        Farewell::SessionExpired => "the session had expired: there was no sign of life for too long",
        Farewell::RateLimited => "the client went on sending faster than it may",
        Farewell::TooBig => "the client sent a message that is too big",
        Farewell::Internal => "a fault of the service; the log says more",
        Farewell::Restart => "this node was stopping",
        Farewell::TryAgainLater => "there was too much to do, or the store was away and the game not in memory",
        Farewell::TakenOver => "the same session came from elsewhere and took over",
        Farewell::SlowConsumer => "the client read slower than its game went",
        Farewell::HeartbeatTimeout => "nothing was heard of the client for too long",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(game: &str, user: Option<&str>, at: i64) -> Visit {
        Visit {
            at: Timestamp::from_millis(at),
            game_id: GameId::parse(game).unwrap(),
            user_id: user.map(|user| UserId::parse(user).unwrap()),
            what: Happening::Left(None),
        }
    }

    fn coming(gap: Option<Gap>) -> Coming {
        Coming {
            role: Role::Player,
            resumed: true,
            gap,
            from: Sequence::new(6),
            head: Sequence::new(9),
            floor: Sequence::new(4),
            summary: Some(Sequence::new(6)),
            source: Source::Memory,
        }
    }

    #[test]
    fn the_oldest_is_forgotten_and_strangers_push_out_nobody() {
        let logbook = Logbook::default();
        (0..1_100).for_each(|at| logbook.note(visit("g", Some("ann"), at)));
        (0..5_000).for_each(|at| logbook.note(visit("g", None, at)));

        assert_eq!((logbook.known.lock().len(), logbook.strangers.lock().len()), (KNOWN, STRANGERS));
        assert_eq!(logbook.known.lock()[0].at, Timestamp::from_millis(76));
    }

    #[test]
    fn a_games_visits_are_its_own_and_the_newest_come_first() {
        let logbook = Logbook::default();
        for (game, user, at) in
            [("g", Some("ann"), 1), ("other", Some("ann"), 2), ("g", None, 3), ("g", Some("bob"), 4)]
        {
            logbook.note(visit(game, user, at));
        }

        let found = logbook.of_game(&GameId::parse("g").unwrap(), 2);

        assert_eq!(found, [visit("g", Some("bob"), 4), visit("g", None, 3)]);
    }

    #[test]
    fn a_gap_is_explained_by_its_numbers() {
        for (gap, reason, said) in [
            (
                Gap::BelowFloor(Sequence::new(1)),
                "below_floor",
                "stood at 1, but everything up to 4 had been pruned: 3 events",
            ),
            (Gap::AboveHead(Sequence::new(12)), "above_head", "said 12, but the game's head was 9"),
            (Gap::OtherEpoch, "other_epoch", "another epoch"),
        ] {
            let happening = Happening::Came(coming(Some(gap)));

            assert_eq!((happening.outcome(), happening.reason()), ("not_recovered", Some(reason)));
            assert!(happening.explanation().contains(said), "{}", happening.explanation());
            assert!(happening.explanation().ends_with("It was given the summary at 6 and the 3 events after 6."));
        }
    }

    #[test]
    fn a_whole_resume_has_no_reason() {
        let happening = Happening::Came(coming(None));

        assert_eq!((happening.outcome(), happening.reason()), ("resumed", None));
        assert_eq!(happening.explanation(), "Got the 3 events it had missed after 6, up to 9.");
    }
}
