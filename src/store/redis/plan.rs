//! What a batch of writes comes to as commands.
//!
//! What concerns one game is one transaction: no key is ever left without its time to live, and a replay is never
//! seen half replaced. All that is written here may be repeated, or come late, without doing harm.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use redis::{Arg, Cmd, cmd};

use super::{
    CacheWrite,
    keeping::Keeping,
    keys::Keys,
    member,
    message::{self, NodeId},
    seat,
};
use crate::{
    domain::{Epoch, Event, GameId},
    store::{CacheOperation, Change},
};

/// Knows how writes become commands.
pub(super) struct Planner {
    keys: Keys,
    node: NodeId,
    keeping: Keeping,
}

/// Commands that go to one place together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) commands: Vec<Cmd>,
    /// Their size, about.
    pub(super) bytes: usize,
    /// What they do: an operation for each write that has one.
    pub(super) operations: Vec<CacheOperation>,
}

impl Planner {
    pub(super) fn new(keeping: Keeping, keys: Keys, node: NodeId) -> Self {
        Self { keys, node, keeping }
    }

    /// Turns a batch into groups of commands. Those of one game are one group, in the order they were given.
    pub(super) fn plan(&self, batch: Vec<CacheWrite>) -> Vec<Group> {
        let (mut games, mut changes) = (Games::default(), Vec::new());
        // The last word on a session is the one that counts.
        let mut sessions = BTreeMap::<_, Group>::new();
        for write in batch {
            let operation = write.operation();
            match write {
                CacheWrite::Append { game_id, epoch, events } => {
                    let game = games.of(game_id, &self.keys);
                    game.add(epoch, &events);
                    game.group.operations.extend(operation);
                }
                CacheWrite::Hydrate { game_id, epoch, events } => {
                    let game = games.of(game_id, &self.keys);
                    game.group.push(Cmd::unlink(&game.key));
                    game.add(epoch, &events);
                    game.group.operations.extend(operation);
                }
                CacheWrite::Prune { game_id, floor } => {
                    let game = games.of(game_id, &self.keys);
                    game.group.push(Cmd::zrembyscore(&game.key, "-inf", floor.number()));
                    game.touched = true;
                    game.group.operations.extend(operation);
                }
                CacheWrite::Seat { game_id, user_id, mark } => {
                    let session = self.set(self.keys.session(mark.session_id), game_id.as_str());
                    sessions.entry(mark.session_id).or_default().replace(session);
                    let key = self.keys.seat(&game_id, &user_id);
                    let game = games.of(game_id, &self.keys);
                    game.group.push(self.set(key, &seat::encode(&mark)));
                    game.group.operations.extend(operation);
                }
                CacheWrite::Session { session_id, game_id } => {
                    let session = sessions.entry(session_id).or_default();
                    session.replace(self.set(self.keys.session(session_id), game_id.as_str()));
                    session.operations.extend(operation);
                }
                CacheWrite::ForgetSeat { game_id, user_id, session_id } => {
                    sessions.entry(session_id).or_default().replace(Cmd::unlink(self.keys.session(session_id)));
                    let key = self.keys.seat(&game_id, &user_id);
                    games.of(game_id, &self.keys).group.push(Cmd::unlink(key));
                }
                CacheWrite::ForgetGame(game_id) => {
                    let game = games.of(game_id, &self.keys);
                    game.group.push(Cmd::unlink(&game.key));
                }
                CacheWrite::Tell(change) => changes.push(change),
            }
        }
        let games = games.list.into_iter().map(|game| game.into_group(&self.keeping));
        // Whoever is told finds in place what was written before.
        let all = games.chain(sessions.into_values()).chain(self.telling(&changes));
        all.filter(|group| !group.commands.is_empty()).collect()
    }

    /// One message for all changes. Of the heads of one game, the newest says it all.
    fn telling(&self, changes: &[Change]) -> Option<Group> {
        let mut seen = HashSet::new();
        let mut newest: Vec<_> = changes
            .iter()
            .rev()
            .filter(|change| match change {
                Change::Recorded { game_id, .. } => seen.insert(game_id),
                Change::Altered(_) | Change::Revoked(_) | Change::TakenOver { .. } | Change::Removed(_) => true,
            })
            .collect();
        newest.reverse();
        let message = message::encode(self.node, newest.iter().copied());
        let mut group = Group::default();
        group.push(Cmd::publish(self.keys.changes(), message));
        (!newest.is_empty()).then_some(group)
    }

    fn set(&self, key: String, value: &str) -> Cmd {
        cmd("SET").arg(key).arg(value).arg("PX").arg(self.keeping.ttl_ms()).take()
    }
}

impl CacheWrite {
    /// What the registry's metrics call it. Forgetting and telling have no name there.
    pub(super) fn operation(&self) -> Option<CacheOperation> {
        match self {
            Self::Append { .. } => Some(CacheOperation::ReplayAppend),
            Self::Hydrate { .. } => Some(CacheOperation::ReplayHydrate),
            Self::Prune { .. } => Some(CacheOperation::ReplayPrune),
            Self::Seat { .. } | Self::Session { .. } => Some(CacheOperation::SessionSnapshot),
            Self::ForgetSeat { .. } | Self::ForgetGame(_) | Self::Tell(_) => None,
        }
    }
}

impl Group {
    /// Leaves nothing to do but this.
    fn replace(&mut self, command: Cmd) {
        self.commands.clear();
        self.bytes = 0;
        self.push(command);
    }

    fn push(&mut self, command: Cmd) {
        /// The length that stands before each argument.
        const HEAD: usize = 8;
        let bytes = |arg| HEAD + if let Arg::Simple(bytes) = arg { <[u8]>::len(bytes) } else { 0 };
        self.bytes += command.args_iter().map(bytes).sum::<usize>();
        self.commands.push(command);
    }
}

/// The games of a batch, in the order of their first writes.
#[derive(Default)]
struct Games {
    list: Vec<Game>,
    places: HashMap<GameId, usize>,
}

struct Game {
    /// Of its events.
    key: String,
    /// Whether its events are to be trimmed and kept for another while.
    touched: bool,
    group: Group,
}

impl Games {
    fn of(&mut self, game: GameId, keys: &Keys) -> &mut Game {
        let key = keys.events(&game);
        let place = *self.places.entry(game).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push(Game { key, touched: false, group: Group::default() });
        }
        &mut self.list[place]
    }
}

impl Game {
    fn add(&mut self, epoch: Epoch, events: &[Arc<Event>]) {
        if events.is_empty() {
            return;
        }
        let mut add = cmd("ZADD");
        add.arg(&self.key);
        for event in events {
            add.arg(event.sequence.number()).arg(member::encode(epoch, event));
        }
        self.group.push(add);
        self.touched = true;
    }

    fn into_group(self, keeping: &Keeping) -> Group {
        let Self { key, touched, mut group } = self;
        if touched {
            let oldest_kept = isize::try_from(keeping.events()).unwrap_or(isize::MAX).saturating_neg();
            group.push(Cmd::zremrangebyrank(&key, 0, oldest_kept.saturating_sub(1)));
            group.push(cmd("PEXPIRE").arg(key).arg(keeping.ttl_ms()).take());
        }
        if group.commands.len() > 1 {
            group.commands.insert(0, cmd("MULTI"));
            group.commands.push(cmd("EXEC"));
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        domain::{Generation, Sequence, SessionId},
        store::{
            SeatMark,
            conformance::table::{event, game_id, user},
        },
    };

    fn planner() -> Planner {
        Planner::new(Keeping::new(Duration::from_secs(5), 50), Keys::new("n"), NodeId::generate())
    }

    /// Commands as they would be typed. What is no text is left out.
    fn typed(groups: &[Group]) -> Vec<String> {
        let typed = |command: &Cmd| {
            let args = command.args_iter().filter_map(|arg| match arg {
                Arg::Simple(bytes) => std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')),
                _ => None,
            });
            args.collect::<Vec<_>>().join(" ")
        };
        groups.iter().map(|group| group.commands.iter().map(typed).collect::<Vec<_>>().join("; ")).collect()
    }

    fn append(name: &str, sequence: u64) -> CacheWrite {
        let (game_id, epoch) = (game_id(name), Epoch::from_bytes([0xff; 16]));
        CacheWrite::Append { game_id, epoch, events: vec![Arc::new(event(sequence))] }
    }

    #[test]
    fn the_writes_of_a_game_are_one_transaction_that_trims_and_renews_once() {
        let floor = Sequence::new(1);

        let groups = planner().plan(vec![
            append("a", 1),
            append("b", 7),
            append("a", 2),
            CacheWrite::Prune { game_id: game_id("a"), floor },
        ]);

        assert_eq!(
            typed(&groups),
            [
                "MULTI; ZADD n:{a}:events 1; ZADD n:{a}:events 2; ZREMRANGEBYSCORE n:{a}:events -inf 1; \
                 ZREMRANGEBYRANK n:{a}:events 0 -51; PEXPIRE n:{a}:events 5000; EXEC",
                "MULTI; ZADD n:{b}:events 7; ZREMRANGEBYRANK n:{b}:events 0 -51; PEXPIRE n:{b}:events 5000; EXEC",
            ]
        );
        let (append, prune) = (CacheOperation::ReplayAppend, CacheOperation::ReplayPrune);
        assert_eq!(groups[0].operations, [append, append, prune]);
    }

    #[test]
    fn a_hydrated_replay_takes_the_place_of_the_one_there_was() {
        let hydrate = |name, events| CacheWrite::Hydrate { game_id: game_id(name), epoch: Epoch::generate(), events };

        let groups = planner().plan(vec![hydrate("a", vec![Arc::new(event(3))]), hydrate("empty", Vec::new())]);

        assert_eq!(
            typed(&groups),
            [
                "MULTI; UNLINK n:{a}:events; ZADD n:{a}:events 3; ZREMRANGEBYRANK n:{a}:events 0 -51; \
                 PEXPIRE n:{a}:events 5000; EXEC",
                "UNLINK n:{empty}:events",
            ]
        );
    }

    #[test]
    fn a_seat_brings_the_game_of_its_session_along() {
        let mark = |byte| SeatMark::proof(SessionId::from_bytes([byte; 16]), Generation::new(2));
        let sit = |name, mark: SeatMark| CacheWrite::Seat { game_id: game_id(name), user_id: user("ann"), mark };

        let groups = planner().plan(vec![
            sit("a", mark(0)),
            sit("b", mark(0x11)),
            CacheWrite::ForgetSeat { game_id: game_id("b"), user_id: user("ann"), session_id: mark(0x11).session_id },
        ]);

        let set_b = format!("SET n:{{b}}:session:ann {} PX 5000", seat::encode(&mark(0x11)));
        assert_eq!(
            typed(&groups),
            [
                format!("SET n:{{a}}:session:ann {} PX 5000", seat::encode(&mark(0))),
                format!("MULTI; {set_b}; UNLINK n:{{b}}:session:ann; EXEC"),
                "SET n:sessionId:00000000-0000-0000-0000-000000000000 a PX 5000".to_owned(),
                "UNLINK n:sessionId:11111111-1111-1111-1111-111111111111".to_owned(),
            ]
        );
        assert_eq!(groups[0].operations, [CacheOperation::SessionSnapshot]);
    }

    #[test]
    fn all_changes_are_one_message_with_the_newest_head_of_each_game() {
        let planner = planner();
        let recorded = |name: &str, head: u64| Change::Recorded {
            game_id: game_id(name),
            epoch: Epoch::from_bytes([1; 16]),
            head: Sequence::new(head),
        };
        let changes = [
            recorded("a", 1),
            Change::Altered(game_id("a")),
            recorded("b", 1),
            recorded("a", 2),
            Change::Removed(game_id("b")),
        ];

        let groups = planner.plan(changes.iter().cloned().map(CacheWrite::Tell).collect());

        let newest = [&changes[1], &changes[2], &changes[3], &changes[4]];
        assert_eq!(typed(&groups), [format!("PUBLISH n:changes {}", message::encode(planner.node, newest))]);
    }
}
