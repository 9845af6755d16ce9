//! Why the service ends a connection.

/// Why the service ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Farewell {
    /// The game is over and gone.
    GameEnded,
    /// The client sent a binary message.
    TextOnly,
    /// The client did not say which game it wants.
    MissingGame,
    /// The access token is missing, forged or expired.
    Unauthorized,
    /// The user may not join this game, or there is none.
    Forbidden,
    /// The resume token opens nothing here.
    InvalidToken,
    SessionRevoked,
    SessionExpired,
    /// The client sends more than it may, and goes on though it was told.
    RateLimited,
    /// A message larger than any the service takes.
    TooBig,
    /// A fault of the service.
    Internal,
    /// The service is about to stop here.
    Restart,
    /// Too much to do, or the store is away and the game is not in memory.
    TryAgainLater,
    /// The same session has come from elsewhere.
    TakenOver,
    /// The client reads slower than its game goes.
    SlowConsumer,
    /// Nothing was heard of the client for too long.
    HeartbeatTimeout,
}

impl Farewell {
    /// Whether what was on its way to the client still goes out first. Where the game ends with it, nothing of it could be
    /// had later.
    #[must_use]
    pub fn lets_finish(self) -> bool {
        match self {
            Self::GameEnded | Self::Restart => true,
            Self::TextOnly
            | Self::MissingGame
            | Self::Unauthorized
            | Self::Forbidden
            | Self::InvalidToken
            | Self::SessionRevoked
            | Self::SessionExpired
            | Self::RateLimited
            | Self::TooBig
            | Self::Internal
            | Self::TryAgainLater
            | Self::TakenOver
            | Self::SlowConsumer
            | Self::HeartbeatTimeout => false,
        }
    }

    /// Every reason there is.
    pub const ALL: [Self; 16] = [
        Self::GameEnded,
        Self::TextOnly,
        Self::MissingGame,
        Self::Unauthorized,
        Self::Forbidden,
        Self::InvalidToken,
        Self::SessionRevoked,
        Self::SessionExpired,
        Self::RateLimited,
        Self::TooBig,
        Self::Internal,
        Self::Restart,
        Self::TryAgainLater,
        Self::TakenOver,
        Self::SlowConsumer,
        Self::HeartbeatTimeout,
    ];
}
