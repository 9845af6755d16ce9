//! What the page at play asks for: a game of two with a token for each, and in development a restart.
//!
//! Not a part of the API. There is nothing of it without `DEMO`, and no restart outside development.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use uuid::Uuid;

use super::{
    Answer, Code, Edge,
    body::Body,
    http::{Answered, json},
    ws::may_come_from,
};
use crate::{
    domain::{GameId, Preset, TimeControl, UserId},
    settings::{AllowedOrigins, AppEnv},
    shard::messages::{Deed, GameSpec},
    wire::demo::{DemoGameBody, DemoGameMadeBody, InvitationBody},
};

/// How long a game's tokens open it. Whoever is seated stays seated beyond that.
const INVITED_FOR: Duration = Duration::from_hours(24);

/// `POST /demo/games`
pub async fn make_game(edge: web::Data<Edge>, request: HttpRequest, body: Body) -> Answered {
    check_origin(&request)?;
    let DemoGameBody { time_control } = body.json()?;
    let control = time_control.map_or_else(normal, |control| control.0);
    // Names of their own, or all visitors would be two users, who may have so many connections and no more.
    let suffix = &Uuid::new_v4().simple().to_string()[..12];
    let id = |name: &str| format!("{name}~{suffix}");
    let game_id = GameId::parse(&id("demo")).expect("letters and digits");
    let [white, black] = ["ann", "bob"].map(|name| UserId::parse(&id(name)).expect("letters and digits"));
    let spec = GameSpec {
        players: Some(vec![white.clone(), black.clone()]),
        open: Some(false),
        metadata: None,
        time_control: Some(Box::new(control)),
    };

    edge.ask(game_id.clone(), |reply| Deed::Configure { spec, reply }).await?;

    let (live, expires_at) = (edge.live(), edge.clock.now().plus(INVITED_FOR));
    let invite = |user| InvitationBody { user_id: user, token: live.access.invite(user, &game_id, expires_at) };
    let made = DemoGameMadeBody {
        game_id: &game_id,
        white: invite(&white),
        black: invite(&black),
        expires_at,
        may_restart: may_restart(&edge, &request),
    };
    Ok(json(StatusCode::CREATED, &made))
}

fn normal() -> TimeControl {
    let pace = Preset::Normal.pace().expect("a preset that is not of one's own has a pace");
    TimeControl::new(Preset::Normal, pace).expect("the pace of a preset is within bounds")
}

/// `POST /demo/restart`: answers, then the service drains and starts anew.
pub async fn restart(edge: web::Data<Edge>, request: HttpRequest) -> Answered {
    check_origin(&request)?;
    if !may_restart(&edge, &request) {
        return Err(Answer::new(Code::Forbidden, "only this machine may restart the service"));
    }
    tracing::info!(context = "App", "A restart was asked for");
    edge.ask_restart();
    Ok(HttpResponse::Accepted().finish())
}

/// In development, from this machine.
fn may_restart(edge: &Edge, request: &HttpRequest) -> bool {
    let is_from_here = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    edge.live().settings.app_env == AppEnv::Development && is_from_here
}

/// Browsers say where a page that asks is from. What says nothing is no browser.
fn check_origin(request: &HttpRequest) -> Result<(), Answer> {
    if may_come_from(request, &AllowedOrigins::SameHost) { Ok(()) } else { Err(Answer::foreign_origin()) }
}
