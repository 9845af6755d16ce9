//! How a farewell is put on the wire: the code that tells a client what to do, and a reason for people.

use crate::domain::Farewell;

/// A WebSocket close code and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    pub code: u16,
    pub reason: &'static str,
}

impl From<Farewell> for Closing {
    fn from(why: Farewell) -> Self {
        let (code, reason) = match why {
            Farewell::GameEnded => (1000, "Game ended"),
            Farewell::TextOnly => (1003, "Text frames only"),
            Farewell::MissingGame => (1008, "Missing game identifier"),
            Farewell::Unauthorized => (1008, "Unauthorized"),
            Farewell::Forbidden => (1008, "Forbidden"),
            Farewell::InvalidToken => (1008, "Invalid resume token"),
            Farewell::SessionRevoked => (1008, "Session revoked"),
            Farewell::SessionExpired => (1008, "Session expired"),
            Farewell::RateLimited => (1008, "Rate limited"),
            Farewell::TooBig => (1009, "Message too big"),
            Farewell::Internal => (1011, "Internal error"),
            Farewell::Restart => (1012, "Service restart"),
            Farewell::TryAgainLater => (1013, "Try again later"),
            Farewell::TakenOver => (4001, "Session taken over"),
            Farewell::SlowConsumer => (4002, "Slow consumer"),
            Farewell::HeartbeatTimeout => (4003, "Heartbeat timeout"),
        };
        Self { code, reason }
    }
}
