//! How a shard says no: each deed has somebody to be told, or nobody any more.

use super::{
    ShardError,
    core::Core,
    messages::{Acknowledger, Author, Claim, Deed, Request},
};
use crate::domain::{Farewell, GameId, TokenRefused};

impl Core {
    pub(super) fn refuse_deed(&mut self, game_id: &GameId, deed: Deed, error: ShardError) {
        if let ShardError::Busy(busy) = error {
            self.metrics.refused(busy);
        }
        // Whoever asked may be gone: a reply that finds nobody is no fault.
        match deed {
            Deed::Join(join) => join.outlet.close(match join.claim {
                // A token of a game that is no more opens nothing.
                Claim::Resume(_) if error == ShardError::NoGame => Farewell::InvalidToken,
                Claim::Resume(_) | Claim::Access(_) => farewell(error),
            }),
            Deed::Record(request) => self.refuse_record(game_id, request, error),
            Deed::Acknowledge { by: Acknowledger::Connection(connection), .. } => {
                self.refuse_message(game_id, connection, None, error);
            }
            Deed::CatchUp { connection, .. } => self.dismiss(game_id, connection, farewell(error)),
            Deed::Acknowledge { by: Acknowledger::Backend { reply, .. }, .. } => drop(reply.send(Err(error))),
            Deed::ReadEvents { reply, .. } => drop(reply.send(Err(error))),
            Deed::Describe { reply, .. } => drop(reply.send(Err(error))),
            Deed::Configure { reply, .. } => drop(reply.send(Err(error))),
            Deed::PutSummary { reply, .. } | Deed::Delete(reply) => drop(reply.send(Err(error))),
            Deed::SetClock { reply, .. } => drop(reply.send(Err(error))),
            Deed::TakeSeat { reply, .. }
            | Deed::Validate { reply, .. }
            | Deed::ReadSession { reply, .. }
            | Deed::Heartbeat { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}

impl Deed {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Deed::Join(_) | Deed::CatchUp { .. } => false,
            Deed::Record(request) => request.is_abandoned(),
            Deed::Acknowledge { by: Acknowledger::Connection(_), .. } => false,
            Deed::Acknowledge { by: Acknowledger::Backend { reply, .. }, .. } => reply.is_closed(),
            Deed::ReadEvents { reply, .. } => reply.is_closed(),
            Deed::Describe { reply, .. } => reply.is_closed(),
            Deed::Configure { reply, .. } => reply.is_closed(),
            Deed::PutSummary { reply, .. } | Deed::Delete(reply) => reply.is_closed(),
            Deed::SetClock { reply, .. } => reply.is_closed(),
            Deed::TakeSeat { reply, .. }
            | Deed::Validate { reply, .. }
            | Deed::ReadSession { reply, .. }
            | Deed::Heartbeat { reply, .. } => reply.is_closed(),
        }
    }
}

impl Request {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match &self.by {
            Author::Connection(_) => false,
            Author::Backend(reply) => reply.is_closed(),
        }
    }
}

/// How a connection that cannot come in, or go on, is told so.
pub(super) fn farewell(error: ShardError) -> Farewell {
    match error {
        ShardError::Busy(_) | ShardError::Unavailable | ShardError::Unknown => Farewell::TryAgainLater,
        ShardError::NoGame | ShardError::NoSession | ShardError::NoClock | ShardError::Rejected(_) => {
            Farewell::Forbidden
        }
        ShardError::Token(TokenRefused::Invalid) => Farewell::InvalidToken,
        ShardError::Token(TokenRefused::Revoked) => Farewell::SessionRevoked,
        ShardError::Token(TokenRefused::Expired) => Farewell::SessionExpired,
        ShardError::Internal => Farewell::Internal,
    }
}
