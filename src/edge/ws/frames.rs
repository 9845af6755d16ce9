//! Writes for the shards what is the same for everyone.

use crate::{
    domain::{Event, GameId, Timer, Timestamp, UserId},
    shard::{Frame, FrameKind, FrameWriter},
    wire::server_frame,
};

/// Writes the protocol's frames.
pub struct Frames;

impl FrameWriter for Frames {
    fn event(&self, game: &GameId, event: &Event) -> Frame {
        Frame { kind: FrameKind::Event(event.sequence), text: server_frame::live(game, event) }
    }

    fn presence(&self, game: &GameId, user: &UserId, online: bool, at: Timestamp) -> Frame {
        Frame { kind: FrameKind::Presence, text: server_frame::presence(game, user, online, at) }
    }

    fn time(&self, timer: &Timer) -> Frame {
        Frame { kind: FrameKind::Time, text: server_frame::time(timer) }
    }
}
