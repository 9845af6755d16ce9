//! Whose clocks run on this shard, and when each game is to be looked at next: one heap, no timer a game.
//!
//! Knows no games: they may be out of memory meanwhile. Its owner bounds it, by [`Watch::keep_only`].

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use crate::domain::{Epoch, GameId, Timestamp};

/// The games that are watched.
#[derive(Default)]
pub struct Watch {
    games: HashMap<GameId, Entry, lru::DefaultHasher>,
    /// May hold places that are out of date.
    wakes: BinaryHeap<Reverse<(Timestamp, GameId)>>,
}

/// What is known of a game that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    pub epoch: Epoch,
    pub clock_version: u64,
    /// Whether the time counts only while somebody serves the game, which has to be vouched for then.
    pub counts_served_time: bool,
}

struct Entry {
    watched: Watched,
    /// When to look at it. Lives here, not in the heap.
    wake: Timestamp,
    /// Nothing is tried before then.
    not_before: Timestamp,
}

/// Beyond so many outdated places, and as many as there are games, the heap is made anew.
const STALE_WAKES: usize = 64;
/// Not by itself.
const NEVER: Timestamp = Timestamp::from_millis(i64::MAX);

impl Watch {
    /// How many games are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.games.len()
    }

    /// What is known of a game, if it is watched.
    #[must_use]
    pub fn get(&self, game_id: &GameId) -> Option<Watched> {
        self.games.get(game_id).map(|entry| entry.watched)
    }

    /// Every game that is watched, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&GameId, &Watched)> {
        self.games.iter().map(|(game_id, entry)| (game_id, &entry.watched))
    }

    /// Watches a game, and looks at it at `wake`, or not by itself.
    pub fn put(&mut self, game_id: &GameId, watched: Watched, wake: Option<Timestamp>) {
        let wake = wake.unwrap_or(NEVER);
        let before = match self.games.get_mut(game_id) {
            Some(entry) => {
                entry.watched = watched;
                std::mem::replace(&mut entry.wake, wake)
            }
            None => {
                let entry = Entry { watched, wake, not_before: Timestamp::from_millis(i64::MIN) };
                self.games.insert(game_id.clone(), entry);
                NEVER
            }
        };
        self.queue(game_id, before, wake);
    }

    /// Looks at a game at `wake`, if it is watched.
    pub fn wake_at(&mut self, game_id: &GameId, wake: Timestamp) {
        if let Some(entry) = self.games.get_mut(game_id) {
            let before = std::mem::replace(&mut entry.wake, wake);
            self.queue(game_id, before, wake);
        }
    }

    fn queue(&mut self, game_id: &GameId, before: Timestamp, wake: Timestamp) {
        if wake != before && wake != NEVER {
            self.wakes.push(Reverse((wake, game_id.clone())));
            self.compact();
        }
    }

    /// When something may be tried about a game.
    #[must_use]
    pub fn not_before(&self, game_id: &GameId) -> Timestamp {
        self.games.get(game_id).map_or(Timestamp::from_millis(i64::MIN), |entry| entry.not_before)
    }

    /// Tries nothing more about a game before `until`.
    pub fn put_off(&mut self, game_id: &GameId, until: Timestamp) {
        if let Some(entry) = self.games.get_mut(game_id) {
            entry.not_before = until;
        }
    }

    /// Watches a game no more.
    pub fn forget(&mut self, game_id: &GameId) {
        self.games.remove(game_id);
    }

    /// Watches only these any more.
    pub fn keep_only(&mut self, keep: impl Fn(&GameId) -> bool) {
        self.games.retain(|game_id, _| keep(game_id));
        self.rebuild();
    }

    /// When the next game is to be looked at.
    pub fn next(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((wake, game_id))) = self.wakes.peek() {
            if self.games.get(game_id).is_some_and(|entry| entry.wake == *wake) {
                return Some(*wake);
            }
            self.wakes.pop();
        }
        None
    }

    /// Takes out a game that is to be looked at by `now`. It stays watched; say when to look again.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<GameId> {
        self.next().filter(|wake| *wake <= now)?;
        let Reverse((_, game_id)) = self.wakes.pop()?;
        if let Some(entry) = self.games.get_mut(&game_id) {
            entry.wake = NEVER;
        }
        Some(game_id)
    }

    fn compact(&mut self) {
        if self.wakes.len() > 2 * self.games.len() + STALE_WAKES {
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        let wakes = self.games.iter().filter(|(_, entry)| entry.wake != NEVER);
        self.wakes = wakes.map(|(game_id, entry)| Reverse((entry.wake, game_id.clone()))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn game(name: &str) -> GameId {
        GameId::parse(name).unwrap()
    }

    fn watched() -> Watched {
        Watched { epoch: Epoch::generate(), clock_version: 1, counts_served_time: false }
    }

    fn due(watch: &mut Watch, now: i64) -> Vec<String> {
        std::iter::from_fn(|| watch.pop_due(at(now))).map(|game_id| game_id.to_string()).collect()
    }

    #[test]
    fn games_come_up_in_the_order_of_their_times() {
        let mut watch = Watch::default();
        for (name, wake) in [("b", Some(at(20))), ("a", Some(at(10))), ("c", Some(at(30))), ("never", None)] {
            watch.put(&game(name), watched(), wake);
        }

        assert_eq!((watch.next(), due(&mut watch, 9)), (Some(at(10)), vec![]));
        assert_eq!(due(&mut watch, 20), ["a", "b"]);
        assert_eq!((watch.next(), watch.len()), (Some(at(30)), 4));
    }

    #[test]
    fn a_time_that_was_changed_comes_up_once_as_it_is_now() {
        let mut watch = Watch::default();
        for wake in [50, 10, 90] {
            watch.put(&game("a"), watched(), Some(at(wake)));
        }
        assert_eq!((due(&mut watch, 89), due(&mut watch, 90)), (vec![], vec!["a".to_owned()]));

        watch.wake_at(&game("a"), at(95));
        watch.wake_at(&game("stranger"), at(91));
        assert_eq!(due(&mut watch, 95), ["a"]);

        watch.wake_at(&game("a"), at(99));
        watch.forget(&game("a"));
        assert_eq!((watch.next(), due(&mut watch, 99)), (None, vec![]));
    }

    #[test]
    fn what_is_put_off_is_remembered_while_it_is_watched() {
        let mut watch = Watch::default();
        watch.put(&game("a"), watched(), None);
        watch.put_off(&game("a"), at(70));
        watch.put(&game("a"), watched(), Some(at(10)));

        assert_eq!(watch.not_before(&game("a")), at(70));
        watch.forget(&game("a"));
        assert!(watch.not_before(&game("a")) < at(0));
    }

    #[test]
    fn changes_do_not_make_the_heap_grow() {
        let mut watch = Watch::default();
        for wake in 0..10_000 {
            watch.put(&game("a"), watched(), Some(at(wake)));
        }
        assert!(watch.wakes.len() <= STALE_WAKES + 2);

        watch.put(&game("b"), watched(), Some(at(1)));
        watch.keep_only(|game_id| *game_id == game("b"));
        assert_eq!((watch.len(), watch.wakes.len()), (1, 1));
    }
}
