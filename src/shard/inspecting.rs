//! What is here of one game, for people who wonder about it.
//!
//! Looks, and changes nothing: a game that is not in memory stays out of it.

use std::time::Duration;

use super::{ConnectionId, core::Core};
use crate::{
    domain::{Epoch, Game, GameId, Role, Sequence, SessionId, Timer, Timestamp, UserId},
    store::{StoreError, Whereabouts},
};

/// Where a game is, and what is known of it there.
#[derive(Debug)]
pub struct Inspection {
    pub shard: usize,
    /// `None` where the shard did not answer in time.
    pub inside: Option<Inside>,
    pub outside: Result<Whereabouts, StoreError>,
}

/// What a shard has of a game.
#[derive(Debug)]
pub struct Inside {
    /// `None` where the game is not in memory.
    pub resident: Option<Resident>,
    pub connections: Vec<ConnectionView>,
}

/// A game in memory.
#[derive(Debug)]
pub struct Resident {
    pub game: GameDetail,
    pub bytes: usize,
    /// Events in memory: all after this one.
    pub events_after: Sequence,
}

/// A game, closely.
#[derive(Debug)]
pub struct GameDetail {
    pub epoch: Epoch,
    pub head: Sequence,
    pub floor: Sequence,
    pub open: Option<bool>,
    pub summary: Option<Sequence>,
    pub timer: Option<Timer>,
    pub seats: Vec<SeatDetail>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A named player, or somebody with a seat, revoked ones too.
#[derive(Debug)]
pub struct SeatDetail {
    pub user_id: UserId,
    pub named: bool,
    /// A named player who never came has none.
    pub session_id: Option<SessionId>,
    pub online: bool,
    pub last_ack: Sequence,
    pub backlog: u64,
    /// Nothing more is pruned until this user acknowledges.
    pub holds_floor: bool,
    pub last_seen_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A connection in a game.
#[derive(Debug)]
pub struct ConnectionView {
    pub connection: ConnectionId,
    pub user_id: UserId,
    pub role: Role,
    /// The last event handed to it.
    pub delivered: Sequence,
    /// It has caught up, and gets events as they happen.
    pub live: bool,
}

impl GameDetail {
    /// Describes a game. A user who was away for `absent_after` holds nothing back.
    #[must_use]
    pub fn of(game: &Game, now: Timestamp, absent_after: Duration) -> Self {
        let due_floor = game.due_floor(now, absent_after);
        let never_came = game.players.iter().filter(|user| game.seat(user).is_none()).map(|user| {
            let awaited = game.created_at.plus(absent_after) > now;
            SeatDetail {
                user_id: user.clone(),
                named: true,
                session_id: None,
                online: false,
                last_ack: game.entrance(),
                backlog: game.backlog(game.entrance()),
                holds_floor: awaited && game.entrance() <= due_floor,
                last_seen_at: None,
                expires_at: None,
                revoked_at: None,
            }
        });
        let seated = game.seats().iter().map(|seat| {
            let counts = seat.revoked_at.is_none() && !seat.is_absent(now, absent_after);
            SeatDetail {
                user_id: seat.user_id.clone(),
                named: game.players.contains(&seat.user_id),
                session_id: Some(seat.session_id),
                online: seat.online,
                last_ack: seat.last_ack,
                backlog: game.backlog(seat.last_ack),
                holds_floor: counts && seat.last_ack <= due_floor,
                last_seen_at: Some(seat.last_seen_at),
                expires_at: Some(seat.expires_at),
                revoked_at: seat.revoked_at,
            }
        });
        Self {
            epoch: game.epoch,
            head: game.head(),
            floor: game.floor,
            open: game.open,
            summary: game.summary.as_ref().map(|summary| summary.sequence),
            timer: game.timer(now),
            seats: seated.chain(never_came).collect(),
            created_at: game.created_at,
            updated_at: game.updated_at,
        }
    }
}

impl Core {
    pub(super) fn inspect(&self, game_id: &GameId) -> Inside {
        let resident = self.residents.peek(game_id).map(|game| Resident {
            game: GameDetail::of(game, self.clock.now(), self.rules.absent_after),
            bytes: game.accounted_bytes(),
            events_after: game.tail().start(),
        });
        let members = self.rooms.get(game_id).into_iter().flat_map(|room| &room.members);
        let connections = members.map(|(connection, member)| ConnectionView {
            connection: *connection,
            user_id: member.user_id.clone(),
            role: member.role,
            delivered: member.delivered,
            live: member.live,
        });
        Inside { resident, connections: connections.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ReplayTail, Seat};

    const DAY: Duration = Duration::from_hours(24);

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn holding(game: &Game, now: Timestamp) -> Vec<String> {
        let seats = GameDetail::of(game, now, DAY).seats;
        seats.into_iter().filter(|seat| seat.holds_floor).map(|seat| seat.user_id.to_string()).collect()
    }

    #[test]
    fn whoever_is_furthest_behind_holds_the_floor_as_long_as_it_counts() {
        let start = Timestamp::from_millis(0);
        let mut game = Game::new(GameId::parse("g").unwrap(), start, 50);
        game.players = vec![user("ann"), user("cat")];
        game = game.with_tail(ReplayTail::new(Sequence::new(9), 50));
        let take = |name, ack| Seat::take(user(name), Sequence::new(ack), start, DAY);
        game.put_seat(take("ann", 4));
        game.put_seat(take("bob", 7));

        assert_eq!(holding(&game, start), ["cat"]);
        game.put_seat(take("cat", 4));
        assert_eq!(holding(&game, start), ["ann", "cat"]);
        game.put_seat(Seat { revoked_at: Some(start), ..take("cat", 4) });
        assert_eq!(holding(&game, start), ["ann"]);
        assert_eq!(holding(&game, start.plus(2 * DAY)), Vec::<String>::new());
    }
}
