//! How changes are written for other nodes: a line each, after one that says who tells.
//!
//! A line that is not understood is passed over: a newer node may tell of more than this one knows.

use std::{fmt::Write, str};

use uuid::Uuid;

use crate::{
    domain::{Epoch, GameId, Generation, Sequence, SessionId, UserId},
    store::{Change, Revoked},
};

const VERSION: &str = "1";

/// A node, for as long as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(Uuid);

impl NodeId {
    pub(super) fn generate() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Writes what a node tells.
pub(super) fn encode<'a>(node: NodeId, changes: impl IntoIterator<Item = &'a Change>) -> String {
    let mut text = format!("{VERSION} {}", node.0);
    for change in changes {
        let written = match change {
            Change::Recorded { game_id, epoch, head } => write!(text, "\nrecorded {game_id} {epoch} {head}"),
            Change::Altered(game_id) => write!(text, "\naltered {game_id}"),
            Change::Revoked(Revoked { game_id, user_id, session_id }) => {
                write!(text, "\nrevoked {game_id} {user_id} {session_id}")
            }
            Change::TakenOver { game_id, session_id, generation } => {
                write!(text, "\ntaken-over {game_id} {session_id} {}", generation.number())
            }
            Change::Removed(game_id) => write!(text, "\nremoved {game_id}"),
        };
        written.expect("a text takes whatever is written");
    }
    text
}

/// Reads who tells what; `None` for bytes that are no message of this version.
pub(super) fn decode(bytes: &[u8]) -> Option<(NodeId, Vec<Change>)> {
    let mut lines = str::from_utf8(bytes).ok()?.split('\n');
    let (version, node) = lines.next()?.split_once(' ')?;
    let node = Uuid::try_parse(node).ok()?;
    (version == VERSION).then(|| (NodeId(node), lines.filter_map(decode_line).collect()))
}

fn decode_line(line: &str) -> Option<Change> {
    let fields: Vec<_> = line.split(' ').collect();
    Some(match fields[..] {
        ["recorded", game, epoch, head] => Change::Recorded {
            game_id: GameId::parse(game).ok()?,
            epoch: Epoch::parse(epoch)?,
            head: Sequence::new(head.parse().ok()?),
        },
        ["altered", game] => Change::Altered(GameId::parse(game).ok()?),
        ["revoked", game, user, session] => Change::Revoked(Revoked {
            game_id: GameId::parse(game).ok()?,
            user_id: UserId::parse(user).ok()?,
            session_id: SessionId::parse(session)?,
        }),
        ["taken-over", game, session, generation] => Change::TakenOver {
            game_id: GameId::parse(game).ok()?,
            session_id: SessionId::parse(session)?,
            generation: Generation::new(generation.parse().ok()?),
        },
        ["removed", game] => Change::Removed(GameId::parse(game).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_of_each() -> Vec<Change> {
        let (game_id, session_id) = (GameId::parse("g-1.a_b:c~D").unwrap(), SessionId::generate());
        vec![
            Change::Recorded { game_id: game_id.clone(), epoch: Epoch::generate(), head: Sequence::new(u64::MAX) },
            Change::Altered(game_id.clone()),
            Change::Revoked(Revoked { game_id: game_id.clone(), user_id: UserId::parse("ann").unwrap(), session_id }),
            Change::TakenOver { game_id: game_id.clone(), session_id, generation: Generation::new(u32::MAX) },
            Change::Removed(game_id),
        ]
    }

    #[test]
    fn every_change_is_read_as_it_was_written() {
        let (node, changes) = (NodeId::generate(), one_of_each());

        assert_eq!(decode(encode(node, &changes).as_bytes()), Some((node, changes)));
    }

    #[test]
    fn a_line_that_is_not_understood_is_passed_over() {
        let node = NodeId::generate();
        let text = encode(node, &one_of_each()[1..2]);
        let newer = text.replace("\naltered", "\nrenamed g-1 g-2\naltered g 1\naltered a b\naltered /\n\naltered");

        assert_eq!(decode(newer.as_bytes()), Some((node, one_of_each()[1..2].to_vec())));
    }

    #[test]
    fn what_another_version_wrote_is_no_message() {
        let text = encode(NodeId::generate(), &one_of_each());

        assert_eq!(decode(text.replacen('1', "2", 1).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_no_message(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(decode(&bytes), None);
        }
    }
}
