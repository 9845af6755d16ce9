//! What a shard keeps in memory: a size-aware LRU, and a heap of deadlines over the same entries.
//!
//! Owns the memory budget. Entries in use by a connection go last, pinned ones never; a pinned entry can still be made
//! to shrink. Knows nothing of games.

use std::{cmp::Reverse, collections::BinaryHeap, hash::Hash};

use lru::LruCache;

use crate::domain::Timestamp;

/// Something that can be kept resident.
pub trait Resident {
    /// Memory that it takes, in bytes, its key and its share of the index included.
    fn accounted_bytes(&self) -> usize;

    /// Gives up what it can do without. What is given up must be rebuildable.
    fn shrink(&mut self);
}

/// How an entry is used, which says when it may be evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Nobody is connected: evicted first.
    Idle,
    /// Somebody is connected: evicted only when nothing idle is left.
    Connected,
}

/// What an entry's game makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub used: Use,
    /// Whether it is kept from being evicted.
    pub pinned: bool,
    /// When its time is over.
    pub deadline: Timestamp,
}

/// There is no room, even with everything evicted that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory budget has no room")]
pub struct NoRoom;

/// Entries within a budget of bytes.
pub struct Residents<K: Hash + Eq, V> {
    idle: LruCache<K, Entry<V>>,
    connected: LruCache<K, Entry<V>>,
    bytes: usize,
    budget: usize,
    evictions: u64,
    deadlines: BinaryHeap<Reverse<(Timestamp, K)>>,
}

struct Entry<V> {
    value: V,
    /// What was last accounted for it.
    bytes: usize,
    pinned: bool,
    /// When its time is over. Lives here, not in the heap: a later deadline costs no push.
    deadline: Timestamp,
    /// The deadline that the heap holds for it; an earlier or later one there is out of date.
    queued: Timestamp,
}

/// Beyond so many outdated places, and as many as there are entries, the heap is made anew.
const STALE_DEADLINES: usize = 64;

impl<K: Hash + Eq + Ord + Clone, V: Resident> Residents<K, V> {
    /// Starts empty, with a budget in bytes.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        Self {
            idle: LruCache::unbounded(),
            connected: LruCache::unbounded(),
            bytes: 0,
            budget,
            evictions: 0,
            deadlines: BinaryHeap::new(),
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.idle.len() + self.connected.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes accounted for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The budget, in bytes.
    #[must_use]
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// How many entries were evicted so far.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Sets the budget. It is kept from the next [`Residents::fit`] on.
    pub fn set_budget(&mut self, budget: usize) {
        self.budget = budget;
    }

    /// The keys of all entries, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.idle.iter().chain(self.connected.iter()).map(|(key, _)| key)
    }

    /// Looks an entry up without counting that as a use.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.connected.peek(key).or_else(|| self.idle.peek(key)).map(|entry| &entry.value)
    }

    /// Looks an entry up to change it without its weight, and without counting that as a use.
    pub fn peek_mut(&mut self, key: &K) -> Option<&mut V> {
        let entry = match self.connected.peek_mut(key) {
            Some(entry) => Some(entry),
            None => self.idle.peek_mut(key),
        };
        entry.map(|entry| &mut entry.value)
    }

    /// Looks an entry up and makes it the most recently used. Call [`Residents::settle`] after changing it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entry(key).map(|entry| &mut entry.value)
    }

    fn entry(&mut self, key: &K) -> Option<&mut Entry<V>> {
        match self.connected.get_mut(key) {
            Some(entry) => Some(entry),
            None => self.idle.get_mut(key),
        }
    }

    /// Takes an entry in, in place of one with the same key, and evicts others for it.
    ///
    /// # Errors
    /// `NoRoom`: it does not fit, even shrunk, beside what is pinned. Nothing was taken in.
    pub fn insert(&mut self, key: K, mut value: V, used: Use, deadline: Timestamp) -> Result<(), NoRoom> {
        self.remove(&key);
        if !self.room_for(value.accounted_bytes()) {
            value.shrink();
        }
        let bytes = value.accounted_bytes();
        if !self.room_for(bytes) {
            return Err(NoRoom);
        }
        self.bytes += bytes;
        self.deadlines.push(Reverse((deadline, key.clone())));
        let entry = Entry { value, bytes, pinned: false, deadline, queued: deadline };
        match used {
            Use::Idle => self.idle.put(key, entry),
            Use::Connected => self.connected.put(key, entry),
        };
        self.compact();
        Ok(())
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.connected.pop(key).or_else(|| self.idle.pop(key))?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    /// Keeps an entry from being evicted, or lets it go again. Settle it afterwards: what is let go of may have to go.
    pub fn pin(&mut self, key: &K, pinned: bool) {
        if let Some(entry) = self.entry(key) {
            entry.pinned = pinned;
        }
    }

    /// Asks how a changed entry stands from now on and weighs it again, then evicts what the budget has no room for.
    pub fn settle(&mut self, key: &K, judge: impl FnOnce(&mut V) -> Standing) {
        let (entry, before) = match self.connected.peek_mut(key) {
            Some(entry) => (entry, Use::Connected),
            None => match self.idle.peek_mut(key) {
                Some(entry) => (entry, Use::Idle),
                None => return,
            },
        };
        let Standing { used, pinned, deadline } = judge(&mut entry.value);
        self.bytes -= entry.bytes;
        (entry.bytes, entry.pinned, entry.deadline) = (entry.value.accounted_bytes(), pinned, deadline);
        self.bytes += entry.bytes;
        // A later deadline is found out when the one in the heap comes up.
        if deadline < entry.queued {
            entry.queued = deadline;
            self.deadlines.push(Reverse((deadline, key.clone())));
            self.compact();
        }
        if used != before {
            let (from, to) = match used {
                Use::Idle => (&mut self.connected, &mut self.idle),
                Use::Connected => (&mut self.idle, &mut self.connected),
            };
            from.pop_entry(key).and_then(|(key, entry)| to.put(key, entry));
        }
        self.fit();
    }

    /// Evicts, and shrinks what is pinned, until the budget is met as far as it can be.
    pub fn fit(&mut self) {
        self.room_for(0);
    }

    /// Makes room for so many bytes more. Says whether there is.
    pub fn room_for(&mut self, extra: usize) -> bool {
        for list in [&mut self.idle, &mut self.connected] {
            // Each entry is looked at once at most: a pinned one moves to the front.
            for _ in 0..list.len() {
                if self.bytes + extra <= self.budget {
                    return true;
                }
                let Some((key, entry)) = list.pop_lru() else { break };
                if entry.pinned {
                    list.put(key, entry);
                } else {
                    self.bytes -= entry.bytes;
                    self.evictions += 1;
                }
            }
        }
        for (_, entry) in self.idle.iter_mut().chain(self.connected.iter_mut()) {
            if self.bytes + extra <= self.budget {
                break;
            }
            entry.value.shrink();
            let after = entry.value.accounted_bytes();
            self.bytes = self.bytes - entry.bytes + after;
            entry.bytes = after;
        }
        self.bytes + extra <= self.budget
    }

    /// Takes the next key out of the heap whose entry's time is over by `now`.
    ///
    /// The entry stays; give it a new deadline or remove it. An entry whose deadline was moved on is put back.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<K> {
        loop {
            if self.deadlines.peek()?.0.0 > now {
                return None;
            }
            let Reverse((queued, key)) = self.deadlines.pop()?;
            // Not through `get_mut`: being asked for its deadline is no use of an entry.
            let Some(entry) = self.connected.peek_mut(&key).or_else(|| self.idle.peek_mut(&key)) else { continue };
            if entry.queued != queued {
                continue;
            }
            if entry.deadline > now {
                entry.queued = entry.deadline;
                self.deadlines.push(Reverse((entry.deadline, key)));
                continue;
            }
            entry.queued = Timestamp::from_millis(i64::MAX);
            return Some(key);
        }
    }

    /// Drops outdated places of the heap once they outnumber the entries: churn must not make it grow.
    fn compact(&mut self) {
        if self.deadlines.len() <= 2 * self.len() + STALE_DEADLINES {
            return;
        }
        self.deadlines.clear();
        for (key, entry) in self.idle.iter_mut().chain(self.connected.iter_mut()) {
            entry.queued = entry.deadline;
            self.deadlines.push(Reverse((entry.deadline, key.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Clone, Copy)]
    struct Blob {
        core: usize,
        fat: usize,
    }

    impl Resident for Blob {
        fn accounted_bytes(&self) -> usize {
            self.core + self.fat
        }

        fn shrink(&mut self) {
            self.fat = 0;
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn blob(bytes: usize) -> Blob {
        Blob { core: bytes, fat: 0 }
    }

    fn with(entries: &[(u32, usize, Use)], budget: usize) -> Residents<u32, Blob> {
        let mut residents = Residents::new(budget);
        for (key, bytes, used) in entries {
            residents.insert(*key, blob(*bytes), *used, at(1_000)).unwrap();
        }
        residents
    }

    impl<K: Hash + Eq + Ord + Clone> Residents<K, Blob> {
        /// Settles an entry, where it is there, with something about it changed.
        fn alter(&mut self, key: &K, change: impl FnOnce(&mut Standing)) {
            let used = if self.connected.contains(key) { Use::Connected } else { Use::Idle };
            let Some(entry) = self.connected.peek(key).or_else(|| self.idle.peek(key)) else { return };
            let mut standing = Standing { used, pinned: entry.pinned, deadline: entry.deadline };
            change(&mut standing);
            self.settle(key, |_| standing);
        }
    }

    fn keys(residents: &Residents<u32, Blob>) -> Vec<u32> {
        let mut keys: Vec<u32> = residents.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut residents = with(&[(1, 40, Use::Idle), (2, 40, Use::Idle)], 100);
        residents.get_mut(&1);

        residents.insert(3, blob(40), Use::Idle, at(1_000)).unwrap();

        assert_eq!(keys(&residents), [1, 3]);
    }

    #[test]
    fn an_entry_with_a_connection_goes_only_when_nothing_idle_is_left() {
        let mut residents = with(&[(1, 40, Use::Connected), (2, 40, Use::Idle)], 100);

        residents.insert(3, blob(40), Use::Connected, at(1_000)).unwrap();
        assert_eq!(keys(&residents), [1, 3]);
        residents.insert(4, blob(40), Use::Connected, at(1_000)).unwrap();
        assert_eq!(keys(&residents), [3, 4]);
    }

    #[test]
    fn a_pinned_entry_stays_and_shrinks() {
        let mut residents = with(&[(1, 10, Use::Idle)], 100);
        residents.pin(&1, true);
        residents.get_mut(&1).unwrap().fat = 80;
        residents.alter(&1, |_| {});

        residents.insert(2, blob(60), Use::Idle, at(1_000)).unwrap();

        assert_eq!(residents.evictions(), 0);
        assert_eq!((residents.peek(&1).unwrap().fat, residents.bytes()), (0, 70));
    }

    #[test]
    fn what_does_not_fit_beside_the_pinned_is_refused() {
        let mut residents = with(&[(1, 60, Use::Idle)], 100);
        residents.pin(&1, true);

        assert_eq!(residents.insert(2, blob(50), Use::Idle, at(1_000)).unwrap_err(), NoRoom);
        assert_eq!(residents.len(), 1);
    }

    #[test]
    fn a_lengthened_deadline_outlives_the_old_place_in_the_heap() {
        let mut residents = with(&[(1, 10, Use::Idle)], 100);
        residents.alter(&1, |standing| standing.deadline = at(5_000));

        assert_eq!(residents.pop_due(at(1_000)), None);
        assert_eq!(residents.pop_due(at(4_999)), None);
        assert_eq!(residents.pop_due(at(5_000)), Some(1));
    }

    #[test]
    fn a_shortened_deadline_comes_up_once_and_early() {
        let mut residents = with(&[(1, 10, Use::Idle)], 100);
        residents.alter(&1, |standing| standing.deadline = at(500));

        assert_eq!(residents.pop_due(at(500)), Some(1));
        residents.alter(&1, |standing| standing.deadline = at(9_000));
        assert_eq!(residents.pop_due(at(1_000)), None, "the first place in the heap is out of date");
        assert_eq!(residents.pop_due(at(9_000)), Some(1));
    }

    #[test]
    fn churn_does_not_make_the_heap_grow() {
        let mut residents = with(&[], 100);
        for key in 0..10_000 {
            residents.insert(key, blob(50), Use::Idle, at(1_000)).unwrap();
        }

        assert!(residents.deadlines.len() <= 2 * 2 + STALE_DEADLINES + 1);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, usize, bool),
        Use(u8),
        Fatten(u8, usize),
        Connect(u8, bool),
        Pin(u8, bool),
        Remove(u8),
        Deadline(u8, i64),
        Expire(i64),
        Budget(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = 0..12_u8;
        prop_oneof![
            (key.clone(), 1..60_usize, any::<bool>()).prop_map(|(k, b, c)| Step::Insert(k, b, c)),
            key.clone().prop_map(Step::Use),
            (key.clone(), 0..60_usize).prop_map(|(k, b)| Step::Fatten(k, b)),
            (key.clone(), any::<bool>()).prop_map(|(k, c)| Step::Connect(k, c)),
            (key.clone(), any::<bool>()).prop_map(|(k, p)| Step::Pin(k, p)),
            key.clone().prop_map(Step::Remove),
            (key, 0..1_000_i64).prop_map(|(k, d)| Step::Deadline(k, d)),
            (0..1_000_i64).prop_map(Step::Expire),
            (100..300_usize).prop_map(Step::Budget),
        ]
    }

    proptest! {
        /// Against a plain map of what was put in, pinned and given a deadline.
        #[test]
        fn the_budget_is_kept_and_nothing_is_lost_but_what_was_handed_back(steps in prop::collection::vec(step(), 1..200)) {
            let mut residents: Residents<u8, Blob> = Residents::new(200);
            let mut model: BTreeMap<u8, (bool, i64)> = BTreeMap::new();
            for step in steps {
                let before = (residents.evictions(), model.len());
                let mut taken = 0;
                match step {
                    Step::Insert(key, bytes, connected) => {
                        let used = if connected { Use::Connected } else { Use::Idle };
                        taken -= i64::from(model.remove(&key).is_some());
                        if residents.insert(key, blob(bytes), used, at(500)).is_ok() {
                            model.insert(key, (false, 500));
                            taken += 1;
                        }
                    }
                    Step::Use(key) => prop_assert_eq!(residents.get_mut(&key).is_some(), model.contains_key(&key)),
                    Step::Fatten(key, fat) => {
                        if let Some(value) = residents.get_mut(&key) { value.fat = fat; }
                        residents.alter(&key, |_| {});
                    }
                    Step::Connect(key, connected) => {
                        let used = if connected { Use::Connected } else { Use::Idle };
                        residents.alter(&key, |standing| standing.used = used);
                    }
                    Step::Pin(key, pinned) => {
                        residents.pin(&key, pinned);
                        // An entry let go of is over the budget until somebody looks: whoever pins also settles.
                        residents.alter(&key, |_| {});
                        if let Some(known) = model.get_mut(&key) { known.0 = pinned; }
                    }
                    Step::Remove(key) => {
                        taken -= i64::from(residents.remove(&key).is_some());
                        model.remove(&key);
                    }
                    Step::Deadline(key, deadline) => {
                        residents.alter(&key, |standing| standing.deadline = at(deadline));
                        if let Some(known) = model.get_mut(&key) { known.1 = deadline; }
                    }
                    Step::Expire(now) => {
                        while let Some(key) = residents.pop_due(at(now)) {
                            let known = model.get_mut(&key);
                            prop_assert!(known.is_some_and(|known| known.1 <= now), "came up early");
                            residents.alter(&key, |standing| standing.deadline = at(now + 2_000));
                            model.insert(key, (model[&key].0, now + 2_000));
                        }
                        prop_assert!(model.values().all(|known| known.1 > now), "did not come up");
                    }
                    Step::Budget(budget) => {
                        residents.set_budget(budget);
                        residents.fit();
                    }
                }
                let kept: Vec<u8> = residents.keys().copied().collect();
                prop_assert!(model.iter().all(|(key, (pinned, _))| !pinned || kept.contains(key)), "a pinned entry went");
                model.retain(|key, _| kept.contains(key));
                prop_assert_eq!(kept.len(), model.len());
                let evicted = i64::try_from(residents.evictions() - before.0).unwrap();
                let length = |entries: usize| i64::try_from(entries).unwrap();
                prop_assert_eq!(length(kept.len()), length(before.1) + taken - evicted, "an entry went uncounted");
                let weighed: usize = kept.iter().map(|key| residents.peek(key).unwrap().accounted_bytes()).sum();
                prop_assert_eq!(residents.bytes(), weighed);
                let only_pinned_left = kept.iter().all(|key| model[key].0);
                prop_assert!(residents.bytes() <= residents.budget() || only_pinned_left);
            }
        }
    }
}
