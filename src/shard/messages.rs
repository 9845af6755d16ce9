//! What a shard is asked, and what it answers.

use std::sync::Arc;

use tokio::{sync::oneshot, time::Instant};

use super::{ConnectionId, Outlet, ShardError, core::Rules, inspecting::Inside};
use crate::{
    domain::{
        Claims, ClockOrder, Epoch, Event, GameId, Gap, Generation, NewEvent, Payload, Position, ResumeToken, Role,
        Seat, Sequence, SessionId, Summary, TimeControl, Timer, Timestamp, UserId,
    },
    store::{Change, Origin, Revoked, Stand},
};

/// Where an answer goes. Dropped unsent only when the shard failed.
pub type Reply<T> = oneshot::Sender<Result<T, ShardError>>;

/// Something to be done in one game. Loads the game where it is not in memory; refused when there is too much to do.
pub struct Command {
    pub game_id: GameId,
    pub deed: Deed,
}

/// What is to be done. A connection is answered through its outlet, a backend through its reply.
pub enum Deed {
    /// Brings a connection into the game. Answered by `Welcome`, or by closing it.
    Join(Box<Join>),
    /// Records events. A connection sends one, which gets its user's name from the shard.
    Record(Request),
    Acknowledge {
        sequence: Sequence,
        by: Acknowledger,
    },
    /// Asks for the missed events after a sequence. One at a time for a connection.
    CatchUp {
        connection: ConnectionId,
        after: Sequence,
    },
    /// Reads at most `limit` events after a sequence.
    ReadEvents {
        after: Sequence,
        limit: usize,
        reply: Reply<EventsView>,
    },
    Describe {
        source: Source,
        reply: Reply<GameView>,
    },
    Configure {
        spec: GameSpec,
        reply: Reply<Configured>,
    },
    PutSummary {
        summary: Summary,
        reply: Reply<()>,
    },
    /// Starts, stops or sets the clocks. Answered by what they show then.
    SetClock {
        order: ClockOrder,
        reply: Reply<Timer>,
    },
    Delete(Reply<()>),
    TakeSeat {
        user_id: UserId,
        metadata: Option<Payload>,
        reply: Reply<SessionView>,
    },
    Validate {
        token: ResumeToken,
        reply: Reply<SessionView>,
    },
    ReadSession {
        session_id: SessionId,
        reply: Reply<SessionView>,
    },
    Heartbeat {
        session_id: SessionId,
        reply: Reply<SessionView>,
    },
}

/// What a shard is told, whatever its load. There are never more than a few for each connection or call.
pub enum Notice {
    /// A connection is gone.
    Leave {
        game_id: GameId,
        connection: ConnectionId,
    },
    /// A client has shown that it holds its new token.
    Prove {
        game_id: GameId,
        connection: ConnectionId,
    },
    /// A session was revoked, durably.
    Revoked(Revoked),
    /// A game was removed from the store.
    Removed(GameId),
    /// Another node has told of a change.
    Elsewhere(Change),
    /// Where games stand in the durable store, to be held against memory.
    Stands(Vec<(GameId, Option<Stand>)>),
    /// Which games have connections.
    Live(oneshot::Sender<Vec<GameId>>),
    /// Drop memory: of one game, or of all.
    Flush(Option<GameId>),
    /// Write at once what would have waited for others: the node is going.
    Drain,
    /// What is here of a game. Changes nothing, and loads nothing.
    Inspect {
        game_id: GameId,
        reply: oneshot::Sender<Inside>,
    },
    Stats(oneshot::Sender<ShardStats>),
    /// Play by other rules from now on, within another budget of bytes soon.
    TakeUp {
        rules: Rules,
        budget_bytes: usize,
    },
}

/// A connection that wants to come in.
pub struct Join {
    pub connection: ConnectionId,
    pub outlet: Arc<dyn Outlet>,
    pub claim: Claim,
    /// What the client asks to be.
    pub asked: Role,
    /// What the client says it has processed.
    pub said: Option<Position>,
    /// Whether the game was in memory when the connection came. Set by the shard.
    pub source: Source,
}

/// What a connection shows to be let in.
pub enum Claim {
    /// A token of this service, its signature checked.
    Resume(ResumeToken),
    /// A token of the game's backend, its signature and end checked.
    Access(Claims),
}

/// Events to be recorded, all or none.
pub struct Request {
    pub events: Vec<NewEvent>,
    pub by: Author,
    /// When it came to this node.
    pub received: Instant,
    /// Whether the store was asked for what it may repeat. Set by the shard.
    pub recalled: bool,
}

/// Who wants events recorded.
pub enum Author {
    Connection(ConnectionId),
    Backend(Reply<Vec<Recorded>>),
}

/// Who acknowledges.
pub enum Acknowledger {
    Connection(ConnectionId),
    Backend { user_id: UserId, reply: Reply<AckView> },
}

/// An event that is durable.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub event: Arc<Event>,
    pub epoch: Epoch,
    /// It was recorded by an earlier request with the same ref.
    pub repeated: bool,
}

/// Where a connection stands as it comes in.
#[derive(Debug, Clone)]
pub struct Welcome {
    pub user_id: UserId,
    pub role: Role,
    /// The seat; a spectator has none.
    pub session: Option<WelcomeSession>,
    /// The replay starts after this one.
    pub from: Sequence,
    pub head: Sequence,
    pub floor: Sequence,
    pub epoch: Epoch,
    pub resumed: bool,
    /// Why not everything after the client's position follows, where that is so.
    pub gap: Option<Gap>,
    pub summary: Option<Summary>,
    pub timer: Option<Timer>,
    pub players: Vec<PlayerView>,
    /// The first missed events; more follow by `CatchUp` where `more` says so.
    pub events: Vec<Arc<Event>>,
    pub more: bool,
    /// Whether the game had to be loaded.
    pub source: Source,
}

/// A seat as its holder is told of it.
#[derive(Debug, Clone, Copy)]
pub struct WelcomeSession {
    pub session_id: SessionId,
    /// Of the fresh token.
    pub generation: Generation,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Where a game was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Memory,
    Redis,
    Store,
}

impl From<Origin> for Source {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Redis => Self::Redis,
            Origin::Durable => Self::Store,
        }
    }
}

/// What a game's backend may set; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct GameSpec {
    pub players: Option<Vec<UserId>>,
    pub open: Option<bool>,
    pub metadata: Option<Payload>,
    pub time_control: Option<Box<TimeControl>>,
}

/// A game that was made or changed.
#[derive(Debug)]
pub struct Configured {
    pub created: bool,
    pub game: GameView,
}

/// A game as its backend sees it.
#[derive(Debug, Clone)]
pub struct GameView {
    pub game_id: GameId,
    pub epoch: Epoch,
    pub head: Sequence,
    pub floor: Sequence,
    pub players: Vec<PlayerView>,
    pub timer: Option<Timer>,
    pub summary: Option<Sequence>,
    pub metadata: Option<Payload>,
    pub open: Option<bool>,
    pub shard: usize,
    /// Whether it was in memory already.
    pub cached: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A player as the others see it.
#[derive(Debug, Clone)]
pub struct PlayerView {
    pub user_id: UserId,
    pub online: bool,
    pub last_ack: Sequence,
    pub backlog: u64,
}

/// An acknowledgement that was taken in.
#[derive(Debug, Clone, Copy)]
pub struct AckView {
    pub sequence: Sequence,
    pub backlog: u64,
    pub floor: Sequence,
}

/// Events as a backend reads them.
#[derive(Debug)]
pub struct EventsView {
    pub events: Vec<Arc<Event>>,
    pub head: Sequence,
    pub floor: Sequence,
    pub epoch: Epoch,
    /// Nothing after the position asked for is gone.
    pub recovered: bool,
}

/// A session as its backend sees it.
#[derive(Debug, Clone)]
pub struct SessionView {
    pub game_id: GameId,
    pub seat: Seat,
}

/// A shard at a glance.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShardStats {
    pub entries: usize,
    pub memory_bytes: usize,
    pub budget_bytes: usize,
    pub hits: u64,
    pub misses: u64,
    pub evictions: u64,
    pub expirations: u64,
    /// Games with a connection or with work under way.
    pub rooms: usize,
    pub connections: usize,
}
