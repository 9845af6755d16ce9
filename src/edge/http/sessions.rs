//! Sessions: given out, looked at, kept alive, revoked.

use actix_web::{HttpRequest, http::StatusCode, web};

use super::{Answered, check_size, json};
use crate::{
    domain::{GameId, ResumeToken, SessionId, UserId},
    edge::{Answer, Edge, auth, body::Body, metrics::AuthFailure},
    shard::{
        Revocation, ShardError,
        messages::{Deed, SessionView},
    },
    wire::session::{RevokedBody, SeatTakenBody, SessionBody, TakeSeatBody, ValidateBody},
};

/// `POST /v1/games/{gameId}/sessions`
pub async fn take_seat(edge: web::Data<Edge>, game_id: web::Path<GameId>, body: Body) -> Answered {
    let TakeSeatBody { user_id, metadata } = body.json()?;
    check_size(&edge, "metadata", metadata.as_ref())?;

    let take = |reply| Deed::TakeSeat { user_id, metadata, reply };
    let SessionView { game_id, seat } = edge.ask(game_id.into_inner(), take).await?;

    let token = edge.live().tokens.sign(&ResumeToken {
        session_id: seat.session_id,
        generation: seat.issued,
        game_id,
        user_id: seat.user_id,
    });
    let body = SeatTakenBody {
        session_id: seat.session_id,
        token,
        issued_at: seat.issued_at,
        expires_at: seat.expires_at,
        last_ack_sequence: seat.last_ack,
    };
    Ok(json(StatusCode::CREATED, &body))
}

/// `POST /v1/sessions/validate`
pub async fn validate(edge: web::Data<Edge>, body: Body) -> Answered {
    let ValidateBody { token } = body.json()?;
    of_token(&edge, &token).await
}

/// `GET /api/auth/session`, by the holder of a resume token
pub async fn of_bearer(edge: web::Data<Edge>, req: HttpRequest) -> Answered {
    let Some(token) = auth::bearer(req.headers()) else {
        edge.metrics.unauthorized(AuthFailure::Missing);
        return Err(Answer::unauthorized());
    };
    of_token(&edge, token).await
}

/// Only a token that was never signed here counts as a failure: one that has expired is everyday business.
async fn of_token(edge: &Edge, token: &str) -> Answered {
    let Some(token) = edge.live().tokens.open(token) else {
        edge.metrics.unauthorized(AuthFailure::Invalid);
        return Err(Answer::unauthorized());
    };
    let game_id = token.game_id.clone();
    match edge.shards.ask(game_id, |reply| Deed::Validate { token, reply }).await {
        Ok(session) => Ok(json(StatusCode::OK, &SessionBody::from(&session))),
        // What a token opened once is nobody else's to know.
        Err(ShardError::NoGame | ShardError::NoSession) => Err(Answer::unauthorized()),
        Err(error) => Err(error.into()),
    }
}

/// `GET /v1/sessions/{sessionId}`
pub async fn get(edge: web::Data<Edge>, session_id: web::Path<String>) -> Answered {
    let session_id = parse(&session_id)?;
    let game_id = edge.shards.game_of(session_id).await?;
    let session = edge.ask(game_id, |reply| Deed::ReadSession { session_id, reply }).await?;
    Ok(json(StatusCode::OK, &SessionBody::from(&session)))
}

/// `POST /v1/sessions/{sessionId}/heartbeat`
pub async fn heartbeat(edge: web::Data<Edge>, session_id: web::Path<String>) -> Answered {
    let session_id = parse(&session_id)?;
    let game_id = edge.shards.game_of(session_id).await?;
    let session = edge.ask(game_id, |reply| Deed::Heartbeat { session_id, reply }).await?;
    Ok(json(StatusCode::OK, &SessionBody::from(&session)))
}

/// `DELETE /v1/sessions/{sessionId}`
pub async fn revoke(edge: web::Data<Edge>, session_id: web::Path<String>) -> Answered {
    let session_id = parse(&session_id)?;
    edge.shards.game_of(session_id).await?;
    revoke_all(&edge, Revocation::Session(session_id)).await
}

/// `DELETE /v1/users/{userId}/sessions`
pub async fn revoke_of_user(edge: web::Data<Edge>, user_id: web::Path<UserId>) -> Answered {
    revoke_all(&edge, Revocation::User(user_id.into_inner())).await
}

async fn revoke_all(edge: &Edge, which: Revocation) -> Answered {
    let now = edge.clock.now();
    let (session_id, user_id) = match &which {
        Revocation::Session(session_id) => (Some(session_id.to_string()), None),
        Revocation::User(user_id) => (None, Some(user_id.to_string())),
    };
    let revoked = edge.to_the_end(|shards| async move { shards.revoke(which, now).await }).await?;
    tracing::info!(context = "HttpServer", sessionId = session_id, userId = user_id, revoked, "Revoked sessions");
    Ok(json(StatusCode::OK, &RevokedBody { revoked }))
}

/// A text that is no session's name names no session.
fn parse(session_id: &str) -> Result<SessionId, Answer> {
    SessionId::parse(session_id).ok_or_else(|| ShardError::NoSession.into())
}

impl<'a> From<&'a SessionView> for SessionBody<'a> {
    fn from(SessionView { game_id, seat }: &'a SessionView) -> Self {
        Self {
            session_id: seat.session_id,
            game_id,
            user_id: &seat.user_id,
            last_ack_sequence: seat.last_ack,
            issued_at: seat.issued_at,
            expires_at: seat.expires_at,
            last_heartbeat_at: seat.last_seen_at,
            revoked: seat.revoked_at.is_some(),
            metadata: seat.metadata.as_ref(),
        }
    }
}
