//! A client of the WebSocket protocol, as a game would embed one.
//!
//! [`Link`] is one connection and keeps nothing between two; [`Seat`] is a player who loses connections and comes back,
//! and who checks what it sees. Both are strangers to the server: they share no type with it, so that a mistake there
//! cannot hide here. Therefore sequences are plain numbers and ids plain text, also the invalid ones a test wants to send.

mod access_token;
mod backend;
mod backoff;
mod dial;
mod ending;
mod error;
mod event;
mod handshake;
mod history;
mod http;
mod incoming;
mod link;
mod order;
mod outgoing;
mod seat;
mod timer;
mod welcome;

#[cfg(test)]
pub(crate) mod fake_server;

/// The WebSocket library below [`Link`], for tests that send frames of their own making.
pub use tokio_tungstenite::tungstenite;

pub use access_token::{AccessClaims, mint_access_token};
pub use backend::Backend;
pub use backoff::Backoff;
pub use dial::{Carry, Credential, Dial, Position};
pub use ending::{Advice, Ending};
pub use error::ClientError;
pub use event::Event;
pub use history::History;
pub use http::{Http, HttpAnswer};
pub use incoming::{Incoming, Refusal};
pub use link::Link;
pub use order::{Begun, Fault, Order, Taken};
pub use outgoing::Outgoing;
pub use seat::{Resumed, Seat};
pub use timer::{TimeControl, Timer};
pub use welcome::{PlayerInfo, Role, Summary, Welcome};
