//! What the tests stand on: a server to start and to hurt, players to talk to it, one by one or as
//! a crowd, tokens, HTTP, and chance.

mod audit;
mod chance;
mod flood;
mod http;
mod peak;
mod player;
mod server;
mod tokens;

pub mod command;
pub mod crowd;

use std::time::Duration;

use rejoin::client::Ending;
use tokio::time::{Instant, sleep};

pub use chance::Chance;
pub use command::rejoin;
pub use flood::Flood;
pub use http::Answer;
pub use peak::Peak;
pub use player::{Player, refused_entry, refused_upgrade};
pub use server::{API_TOKEN, Server};
pub use tokens::{ACCESS_SECRET, access_token, changed_at, claims, signed, unsigned};

/// How long anything may take that should happen at once. Long, because the machine may be busy.
pub const SOON: Duration = Duration::from_secs(10);

/// Lifts the limit of frames a second, for tests that are about something else.
pub const ANY_RATE: [(&str, &str); 2] = [("WS_RATE_PER_SECOND", "1000000"), ("WS_RATE_BURST", "1000000")];

/// An end of a connection by the server's own close frame.
pub fn closed(code: u16, reason: &str) -> Ending {
    Ending::Closed { code, reason: reason.to_owned() }
}

/// Now and as long as [`SOON`] is.
pub fn soon() -> Instant {
    Instant::now() + SOON
}

/// Waits until it holds; panics with what was awaited where that takes too long. Returns how long it took.
pub async fn until(awaited: &str, within: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    const LOOK_EVERY: Duration = Duration::from_millis(10);
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < within, "waited {within:?} in vain for: {awaited}");
        sleep(LOOK_EVERY).await;
    }
    began.elapsed()
}
