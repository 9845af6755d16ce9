//! The rules of the house: who sits where, what was recorded, who has seen what.
//!
//! Pure and synchronous. Nothing here does I/O, logs, waits or asks for the time: the time is an argument.

pub mod access;
pub mod clock_task;
pub mod draft;
pub mod event;
pub mod farewell;
pub mod game;
pub mod game_clock;
pub mod ids;
pub mod position;
pub mod rejection;
pub mod replay_tail;
mod resting;
pub mod resume_token;
pub mod seat;
pub mod time;
pub mod time_control;
pub mod timer;

pub use access::{Claims, Role};
pub use clock_task::ClockTask;
pub use draft::{Draft, Verdict};
pub use event::{Event, EventRef, EventType, NewEvent, Payload};
pub use farewell::Farewell;
pub use game::{Acknowledged, CatchUp, Game, Gap, Summary};
pub use game_clock::{Changed, ClockAction, ClockOrder, ClockState, FlagFall, GameClock, Reading};
pub use ids::{GameId, SessionId, UserId};
pub use position::{Epoch, Position, Sequence};
pub use rejection::Rejection;
pub use replay_tail::ReplayTail;
pub use resume_token::{ResumeToken, TokenKeys};
pub use seat::{Generation, Seat, TokenRefused};
pub use time::Timestamp;
pub use time_control::{InvalidControl, OnDisconnect, Pace, Preset, TimeControl};
pub use timer::Timer;
