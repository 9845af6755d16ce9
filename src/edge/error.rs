//! The one table from what went wrong to what a caller is told, over HTTP and over a socket alike.

use std::{fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
};

use crate::{
    domain::{Rejection, Sequence},
    shard::ShardError,
};

/// When to try again after a refusal that will pass.
const RETRY_AFTER_OVERLOAD: Duration = Duration::from_secs(1);
/// No value of a caller's makes an answer longer than this, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;

/// What a caller is told instead of what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub code: Code,
    pub status: StatusCode,
    pub message: String,
    pub retry_after: Option<Duration>,
    /// Where the head is, for who was wrong about it.
    pub head_sequence: Option<Sequence>,
}

/// The kinds of refusal that programs tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidMessage,
    InvalidAck,
    TooLarge,
    RateLimited,
    Backpressure,
    Conflict,
    NotYourTurn,
    FlagFallen,
    Forbidden,
    GameEnded,
    Unavailable,
    Unknown,
    Internal,
    Unauthorized,
    NotFound,
    Timeout,
}

impl Code {
    /// The code as the wire has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The code on a socket, whose own list is shorter: there a game that is not found has ended meanwhile.
    #[must_use]
    pub fn on_socket(self) -> &'static str {
        if self == Self::NotFound { Self::GameEnded.as_str() } else { self.as_str() }
    }

    /// The code for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().1
    }

    /// The status of an HTTP response, where no other fits better.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().2
    }

    fn row(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::InvalidMessage => ("invalid_message", "Invalid message", StatusCode::BAD_REQUEST),
            Self::InvalidAck => ("invalid_ack", "Acknowledgement above the head", StatusCode::BAD_REQUEST),
            Self::TooLarge => ("too_large", "Too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::RateLimited => ("rate_limited", "Rate limited", StatusCode::TOO_MANY_REQUESTS),
            Self::Backpressure => ("backpressure", "Too much to do", StatusCode::SERVICE_UNAVAILABLE),
            Self::Conflict => ("conflict", "Conflict", StatusCode::CONFLICT),
            Self::NotYourTurn => ("not_your_turn", "Not your turn", StatusCode::CONFLICT),
            Self::FlagFallen => ("flag_fallen", "Flag fallen", StatusCode::CONFLICT),
            Self::Forbidden => ("forbidden", "Forbidden", StatusCode::FORBIDDEN),
            Self::GameEnded => ("game_ended", "Game ended", StatusCode::GONE),
            Self::Unavailable => ("unavailable", "Store unavailable", StatusCode::SERVICE_UNAVAILABLE),
            // Like a timeout: it may have been done.
            Self::Unknown => ("unknown", "Outcome unknown", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal => ("internal", "Internal error", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unauthorized => ("unauthorized", "Unauthorized", StatusCode::UNAUTHORIZED),
            Self::NotFound => ("not_found", "Not found", StatusCode::NOT_FOUND),
            Self::Timeout => ("timeout", "Timed out", StatusCode::GATEWAY_TIMEOUT),
        }
    }
}

impl Answer {
    /// An answer with the code's own status. A long message is cut.
    #[must_use]
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        let mut message = message.to_string();
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        let retry_after = match code {
            Code::Backpressure | Code::RateLimited | Code::Unavailable => Some(RETRY_AFTER_OVERLOAD),
            Code::InvalidMessage
            | Code::InvalidAck
            | Code::TooLarge
            | Code::Conflict
            | Code::NotYourTurn
            | Code::FlagFallen
            | Code::Forbidden
            | Code::GameEnded
            | Code::Unknown
            | Code::Internal
            | Code::Unauthorized
            | Code::NotFound
            | Code::Timeout => None,
        };
        Self { code, status: code.status(), message, retry_after, head_sequence: None }
    }

    /// A request that can never succeed as it is.
    #[must_use]
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(Code::InvalidMessage, message)
    }

    /// Whoever asks is not who may. Never says which part was wrong.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(Code::Unauthorized, "a valid token is needed")
    }

    /// No WebSocket request comes to where only those are answered.
    #[must_use]
    pub fn no_websocket(why: impl fmt::Display) -> Self {
        Self::invalid(format!("not a WebSocket request: {why}"))
    }

    /// A page that may not open a WebSocket here.
    #[must_use]
    pub fn foreign_origin() -> Self {
        Self::new(Code::Forbidden, "pages of this origin may not connect")
    }

    /// The node is going: another one is to be asked.
    #[must_use]
    pub fn draining() -> Self {
        Self::new(Code::Unavailable, "this node is about to stop")
    }

    /// The node has no room for another connection.
    #[must_use]
    pub fn out_of_capacity(why: impl fmt::Display) -> Self {
        Self::new(Code::Backpressure, why)
    }

    /// One caller has too many connections.
    #[must_use]
    pub fn too_many_connections(why: impl fmt::Display) -> Self {
        Self::new(Code::RateLimited, why)
    }

    /// Answers with another status than the code's own.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<ShardError> for Answer {
    fn from(error: ShardError) -> Self {
        match error {
            ShardError::Busy(_) => Self::new(Code::Backpressure, error),
            ShardError::Rejected(rejection) => rejection.into(),
            ShardError::NoGame | ShardError::NoSession | ShardError::NoClock => Self::new(Code::NotFound, error),
            ShardError::Token(_) => Self::unauthorized(),
            ShardError::Unavailable => Self::new(Code::Unavailable, error),
            ShardError::Unknown => Self::new(Code::Unknown, error),
            ShardError::Internal => Self::new(Code::Internal, error),
        }
    }
}

impl From<&ShardError> for Answer {
    fn from(error: &ShardError) -> Self {
        (*error).into()
    }
}

impl From<Rejection> for Answer {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::AckAboveHead { head, .. } => {
                Self { head_sequence: Some(head), ..Self::new(Code::InvalidAck, rejection) }
            }
            Rejection::Conflict { head, .. } => {
                Self { head_sequence: Some(head), ..Self::new(Code::Conflict, rejection) }
            }
            Rejection::Spectator => Self::new(Code::Forbidden, rejection),
            Rejection::NotYourTurn => Self::new(Code::NotYourTurn, rejection),
            Rejection::FlagFallen => Self::new(Code::FlagFallen, rejection),
            Rejection::SummaryOutside { .. }
            | Rejection::NoPlayer(_)
            | Rejection::SpanTooLong(_)
            | Rejection::NobodyToTime
            | Rejection::ActivePlayerLeft => Self::invalid(rejection),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl ResponseError for Answer {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The head of a response. Its body names the request, so it is written where that is known: `limits::observe`.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(pause) = self.retry_after {
            response.insert_header((RETRY_AFTER, pause.as_millis().div_ceil(1_000).to_string()));
        }
        if self.code == Code::Unauthorized {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::TokenRefused, shard::Busy};

    #[test]
    fn a_refusal_of_the_shard_has_its_code_and_status() {
        let (acknowledged, expected, head) = (Sequence::new(9), Sequence::new(4), Sequence::new(5));
        for (error, code, status) in [
            (ShardError::Busy(Busy::Memory), "backpressure", 503),
            (Rejection::AckAboveHead { acknowledged, head }.into(), "invalid_ack", 400),
            (Rejection::Conflict { expected, head }.into(), "conflict", 409),
            (Rejection::Spectator.into(), "forbidden", 403),
            (Rejection::SummaryOutside { sequence: head, floor: head, head }.into(), "invalid_message", 400),
            (Rejection::NotYourTurn.into(), "not_your_turn", 409),
            (Rejection::FlagFallen.into(), "flag_fallen", 409),
            (Rejection::NoPlayer("next").into(), "invalid_message", 400),
            (ShardError::NoGame, "not_found", 404),
            (ShardError::NoSession, "not_found", 404),
            (ShardError::Unavailable, "unavailable", 503),
            (ShardError::Unknown, "unknown", 504),
            (ShardError::Internal, "internal", 500),
        ] {
            let answer = Answer::from(error);
            assert_eq!((answer.code.as_str(), answer.status.as_u16()), (code, status), "{error}");
        }
    }

    #[test]
    fn a_refused_token_is_never_said_to_be_revoked_or_expired() {
        let answers = [TokenRefused::Invalid, TokenRefused::Revoked, TokenRefused::Expired]
            .map(|why| Answer::from(ShardError::Token(why)));

        assert!(answers.iter().all(|answer| *answer == Answer::unauthorized()));
    }

    #[test]
    fn a_conflict_says_where_the_head_is() {
        let head = Sequence::new(5);

        let answer = Answer::from(Rejection::Conflict { expected: Sequence::ZERO, head });

        assert_eq!(answer.head_sequence, Some(head));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let answer = Answer::invalid("é".repeat(1_000));

        assert_eq!(answer.message, "é".repeat(MAX_MESSAGE_BYTES / 2));
    }
}
