//! The clocks of a game: started, stopped, set.

use actix_web::{http::StatusCode, web};

use super::{Answered, json};
use crate::{
    domain::{ClockOrder, GameId},
    edge::{Answer, Edge, body::Body},
    shard::messages::Deed,
    wire::clock::{ClockBody, TimerBody},
};

/// `PUT /v1/games/{gameId}/clock`
pub async fn put(edge: web::Data<Edge>, game_id: web::Path<GameId>, body: Body) -> Answered {
    let body: ClockBody = body.json()?;
    if body.is_empty() {
        return Err(Answer::invalid("action: to set, active or remainingMs is needed"));
    }
    let order = ClockOrder::from(body);

    let timer = edge.ask(game_id.into_inner(), |reply| Deed::SetClock { order, reply }).await?;

    Ok(json(StatusCode::OK, &TimerBody::from(&timer)))
}
