//! What is going on in one game right now: who is connected, what waits for its turn, what is being written.
//!
//! The game itself may be evicted and loaded again under it; a room is kept as long as anything is going on.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::{
    ConnectionId, Outlet,
    messages::{Configured, Deed, GameSpec, Join, Recorded, Reply, Request, SessionView},
};
use crate::{
    domain::{
        ClockOrder, Epoch, Event, Game, GameClock, Generation, Payload, Rejection, Role, Seat, Sequence, SessionId,
        Summary, Timer, Timestamp, UserId,
    },
    store::Stand,
};

/// What is going on in one game.
#[derive(Default)]
pub struct Room {
    /// Boxed, because a node of the map has places for eleven, and a game has two.
    pub members: BTreeMap<ConnectionId, Box<Member>>,
    /// What waits for the game to be loaded.
    pub parked: VecDeque<Deed>,
    pub loading: Option<Loading>,
    /// What waits to be written, in order.
    pub turns: VecDeque<Turn>,
    pub in_flight: Option<Flight>,
    /// Another node has changed the game meanwhile: load it afresh once the flight is over.
    pub is_outdated: bool,
    /// How often in a row the store knew better than memory.
    pub stale: u32,
    pub carried: Option<Carried>,
    /// Originals of repeated events that only the store still knew, for the turn that asked.
    pub originals: Vec<Arc<Event>>,
    pub marks: Marks,
    pub timing: Timing,
}

/// A load under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loading {
    Once,
    /// What it brings may be out of date already: load again after it.
    Again,
}

/// What was in memory when the game had to be loaded afresh, and may be ahead of the store: writes of it are on their way.
pub struct Carried {
    pub epoch: Epoch,
    pub seats_version: u64,
    /// What those with a seat, as far as this node knew them, let go of.
    pub floor: Sequence,
    pub seats: Vec<Seat>,
}

/// A connection in the game.
pub struct Member {
    pub user_id: UserId,
    pub role: Role,
    pub outlet: Arc<dyn Outlet>,
    /// The session and the generation of the token that this connection was given.
    pub session: Option<(SessionId, Generation)>,
    /// The life of the game that it came to.
    pub epoch: Epoch,
    /// The last event handed over.
    pub delivered: Sequence,
    /// Whether events are handed over as they happen, or by page.
    pub live: bool,
}

/// Seats and floors that changed in memory and are not yet written.
#[derive(Default)]
pub struct Marks {
    pub seats: BTreeSet<UserId>,
    pub floor: bool,
    /// The oldest acknowledgement whose pruning is not yet durable.
    pub pruned_since: Option<Timestamp>,
    pub in_flight: bool,
}

/// What goes on about a game's clocks.
#[derive(Default)]
pub struct Timing {
    /// A turn of the clocks waits.
    pub asked: bool,
    /// The version that everyone was told of, and when to tell them again.
    pub shown: Option<(u64, Timestamp)>,
}

/// Something to be written, once what came before it is.
pub enum Turn {
    Record(Request),
    /// The rules refuse it, but it may repeat an event that only the store still knows.
    Recall(Request, Rejection),
    Clock(ClockTurn),
    Create {
        spec: GameSpec,
        reply: Option<Reply<Configured>>,
    },
    Change {
        spec: GameSpec,
        reply: Reply<Configured>,
    },
    Sit {
        user_id: UserId,
        metadata: Option<Payload>,
        on_behalf: Sitter,
    },
    Summarize {
        summary: Summary,
        reply: Reply<()>,
    },
    Delete(Reply<()>),
}

/// Something to be done about the clocks.
pub enum ClockTurn {
    /// Time alone has brought it about.
    Due,
    /// The same, after the game was loaded afresh.
    StillDue,
    Order {
        order: ClockOrder,
        reply: Reply<Timer>,
    },
}

/// Who wants a seat.
pub enum Sitter {
    Connection(Box<Join>),
    Backend(Reply<SessionView>),
}

/// Something that is being written.
pub enum Flight {
    Record {
        requests: Vec<Drafted>,
        events: Vec<Arc<Event>>,
        /// The clocks after the events, where those change them.
        clock: Option<Box<GameClock>>,
    },
    /// A turn with what it will have made, once written.
    Other { turn: Turn, made: Made },
}

/// A request to record whose events are on their way.
pub struct Drafted {
    pub request: Request,
    pub answers: Vec<Recorded>,
}

/// What a write brings about.
pub enum Made {
    Game(Box<Game>),
    Seat(Box<Seat>),
    Clock(Box<GameClock>),
    Nothing,
}

impl Room {
    /// Whether nothing is going on.
    pub fn is_idle(&self) -> bool {
        self.members.is_empty() && self.parked.is_empty() && self.loading.is_none() && !self.is_writing()
    }

    /// Whether the game must stay in memory: it knows something that the store does not.
    pub fn is_writing(&self) -> bool {
        self.in_flight.is_some() || !self.turns.is_empty() || self.marks.is_pending()
    }

    /// Whether somebody who follows the game has not been told of all there is.
    pub fn misses_any(&self, stand: Option<&Stand>) -> bool {
        let misses =
            |member: &Member| stand.is_none_or(|stand| stand.epoch != member.epoch || stand.head > member.delivered);
        self.members.values().any(|member| member.live && misses(member))
    }

    /// Whether the game itself is what is being written.
    pub fn is_being_made(&self) -> bool {
        match &self.in_flight {
            Some(Flight::Other { made, .. }) => match made {
                Made::Game(_) => true,
                Made::Seat(_) | Made::Clock(_) | Made::Nothing => false,
            },
            Some(Flight::Record { .. }) | None => false,
        }
    }

    /// Whether what is being written changes the clocks.
    pub fn changes_clock(&self) -> bool {
        match &self.in_flight {
            Some(Flight::Record { clock, .. }) => clock.is_some(),
            Some(Flight::Other { made, .. }) => matches!(made, Made::Clock(_)),
            None => false,
        }
    }

    /// Whether a player's connection of this user is here.
    pub fn is_online(&self, user: &UserId) -> bool {
        self.members.values().any(|member| member.role == Role::Player && member.user_id == *user)
    }
}

impl Marks {
    /// Whether something has yet to be written.
    pub fn is_pending(&self) -> bool {
        self.in_flight || self.floor || !self.seats.is_empty()
    }
}
