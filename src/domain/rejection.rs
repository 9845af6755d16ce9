//! Why the rules refuse something. A refusal changes nothing.

use super::Sequence;

/// What the rules answer instead of doing what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("acknowledged {acknowledged}, but the head is {head}")]
    AckAboveHead { acknowledged: Sequence, head: Sequence },
    #[error("expected the head to be {expected}, but it is {head}")]
    Conflict { expected: Sequence, head: Sequence },
    #[error("a spectator sends no events and no acknowledgements")]
    Spectator,
    #[error("the summary's sequence {sequence} is outside of the game's {floor} to {head}")]
    SummaryOutside { sequence: Sequence, floor: Sequence, head: Sequence },
    #[error("the turn is somebody else's")]
    NotYourTurn,
    #[error("the flag has fallen")]
    FlagFallen,
    /// A field names somebody who has no clock.
    #[error("{0}: no player of this game")]
    NoPlayer(&'static str),
    /// A field asks for more time than any clock has.
    #[error("{0}: at most {ms}", ms = super::time_control::MAX_SPAN.as_millis())]
    SpanTooLong(&'static str),
    #[error("players: a game with a timeControl names its players")]
    NobodyToTime,
    #[error("players: whoever has the turn stays")]
    ActivePlayerLeft,
}
