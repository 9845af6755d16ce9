//! Games: made, changed, looked at, summed up, ended.

use std::collections::HashSet;

use actix_web::{HttpResponse, http::StatusCode, web};

use super::{Answered, check_size, json};
use crate::{
    domain::{GameId, Summary, UserId},
    edge::{Answer, Edge, body::Body},
    shard::messages::{Deed, GameSpec, GameView, Source},
    wire::{
        clock::TimerBody,
        game::{GameBody, PlayerBody, PutGameBody, SummarizedBody, SummaryBody},
    },
};

/// Named players of one game.
const MAX_PLAYERS: usize = 64;

/// `PUT /v1/games/{gameId}`
pub async fn put(edge: web::Data<Edge>, game_id: web::Path<GameId>, body: Body) -> Answered {
    let PutGameBody { players, time_control, metadata, open } = body.json()?;
    check_players(players.as_deref().unwrap_or_default())?;
    check_size(&edge, "metadata", metadata.as_ref())?;
    let spec = GameSpec { players, open, metadata, time_control: time_control.map(|control| Box::new(control.0)) };

    let configured = edge.ask(game_id.into_inner(), |reply| Deed::Configure { spec, reply }).await?;

    let status = if configured.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &GameBody::from(&configured.game)))
}

/// `GET /v1/games/{gameId}`
pub async fn get(edge: web::Data<Edge>, game_id: web::Path<GameId>) -> Answered {
    let game = edge.ask(game_id.into_inner(), |reply| Deed::Describe { source: Source::Memory, reply }).await?;
    Ok(json(StatusCode::OK, &GameBody::from(&game)))
}

/// `DELETE /v1/games/{gameId}`
pub async fn delete(edge: web::Data<Edge>, game_id: web::Path<GameId>) -> Answered {
    edge.ask(game_id.into_inner(), Deed::Delete).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /v1/games/{gameId}/summary`
pub async fn put_summary(edge: web::Data<Edge>, game_id: web::Path<GameId>, body: Body) -> Answered {
    let SummaryBody { sequence, state } = body.json()?;
    check_size(&edge, "state", Some(&state))?;
    let summary = Summary { sequence, state };

    edge.ask(game_id.into_inner(), |reply| Deed::PutSummary { summary, reply }).await?;

    Ok(json(StatusCode::OK, &SummarizedBody { sequence }))
}

fn check_players(players: &[UserId]) -> Result<(), Answer> {
    if players.len() > MAX_PLAYERS {
        return Err(Answer::invalid(format!("players: {} are named, at most {MAX_PLAYERS} can be", players.len())));
    }
    let mut seen = HashSet::new();
    match players.iter().find(|player| !seen.insert(*player)) {
        Some(twice) => Err(Answer::invalid(format!("players: `{twice}` is named twice"))),
        None => Ok(()),
    }
}

impl<'a> From<&'a GameView> for GameBody<'a> {
    fn from(game: &'a GameView) -> Self {
        let players = game.players.iter().map(|player| PlayerBody {
            user_id: &player.user_id,
            online: player.online,
            last_ack_sequence: player.last_ack,
            backlog: player.backlog,
        });
        Self {
            game_id: &game.game_id,
            epoch: game.epoch,
            head_sequence: game.head,
            floor_sequence: game.floor,
            players: players.collect(),
            timer: game.timer.as_ref().map(TimerBody::from),
            summary: game.summary.map(|sequence| SummarizedBody { sequence }),
            metadata: game.metadata.as_ref(),
            open: game.open,
            shard: game.shard,
            cached: game.cached,
            created_at: game.created_at,
            updated_at: game.updated_at,
        }
    }
}
