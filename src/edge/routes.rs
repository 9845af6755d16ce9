//! Which call goes where, and what stands before it.

use std::future::ready;

use actix_web::{
    App, Error, HttpRequest, HttpResponse, Resource, Route,
    body::BoxBody,
    dev::{HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse},
    error::PathError,
    guard,
    http::{Method, StatusCode, header::ALLOW},
    middleware::from_fn,
    web::{self, ServiceConfig},
};

use super::{
    Answer, Code, Edge, admin, auth,
    body::Room,
    demo, health,
    http::{Answered, clock, events, games, sessions},
    limits,
    pages::{self, Page},
    redis_health, ws,
};
use crate::settings::AppEnv;

/// Where an app listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// For backends and game clients.
    Public,
    /// For operators; alive when the public one is full.
    Admin,
}

/// The whole of one listener's HTTP, its limits and errors included.
pub fn app(
    edge: web::Data<Edge>,
    which: Listener,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>,
> {
    let settings = &edge.live().settings;
    let (demo_here, app_env) = (settings.listen.demo, settings.app_env);
    let admin_here = which == Listener::Admin || settings.listen.admin_public;
    App::new()
        .app_data(edge)
        .app_data(web::PathConfig::default().error_handler(|error, _| unfit_path(&error).into()))
        .app_data(web::QueryConfig::default().error_handler(|error, _| Answer::invalid(error).into()))
        .wrap(from_fn(limits::observe))
        .configure(|cfg| {
            health(cfg);
            pages(cfg, pages::DOCUMENTATION);
            if admin_here {
                operators(cfg);
                pages(cfg, pages::CONSOLE);
            }
            match which {
                Listener::Public => {
                    clients(cfg);
                    backends(cfg);
                    if demo_here {
                        pages(cfg, pages::DEMO);
                        demo(cfg, app_env);
                    }
                }
                Listener::Admin => {}
            }
        })
        .default_service(web::to(unknown))
}

fn health(cfg: &mut ServiceConfig) {
    cfg.service(resource("/healthz", [(Method::GET, web::to(health::healthz))]))
        .service(resource("/readyz", [(Method::GET, web::to(health::readyz))]))
        .service(resource("/metrics", [(Method::GET, web::to(health::metrics))]))
        .service(resource("/api/health/redis", [(Method::GET, web::to(redis_health::redis))]));
}

/// Game clients. Their sockets are counted by themselves, not by `limits::bounded`.
fn clients(cfg: &mut ServiceConfig) {
    cfg.service(resource("/ws/game", [(Method::GET, web::to(ws::open))]));
}

fn backends(cfg: &mut ServiceConfig) {
    let v1 = web::scope("/v1")
        .wrap(from_fn(auth::backend))
        .wrap(from_fn(limits::bounded))
        .service(call(
            "/games/{gameId}",
            Room::Game,
            [
                (Method::PUT, web::to(games::put)),
                (Method::GET, web::to(games::get)),
                (Method::DELETE, web::to(games::delete)),
            ],
        ))
        .service(call("/games/{gameId}/summary", Room::Item, [(Method::PUT, web::to(games::put_summary))]))
        .service(call("/games/{gameId}/clock", Room::Game, [(Method::PUT, web::to(clock::put))]))
        .service(call(
            "/games/{gameId}/events",
            Room::List,
            [(Method::POST, web::to(events::post)), (Method::GET, web::to(events::get))],
        ))
        .service(call("/games/{gameId}/acks", Room::Item, [(Method::POST, web::to(events::acknowledge))]))
        .service(call("/games/{gameId}/sessions", Room::Item, [(Method::POST, web::to(sessions::take_seat))]))
        .service(call("/sessions/validate", Room::Item, [(Method::POST, web::to(sessions::validate))]))
        .service(call(
            "/sessions/{sessionId}",
            Room::Item,
            [(Method::GET, web::to(sessions::get)), (Method::DELETE, web::to(sessions::revoke))],
        ))
        .service(call("/sessions/{sessionId}/heartbeat", Room::Item, [(Method::POST, web::to(sessions::heartbeat))]))
        .service(call("/users/{userId}/sessions", Room::Item, [(Method::DELETE, web::to(sessions::revoke_of_user))]));
    cfg.service(v1).service(web::scope("/api/auth").wrap(from_fn(limits::bounded)).service(call(
        "/session",
        Room::Item,
        [(Method::GET, web::to(sessions::of_bearer))],
    )));
}

fn operators(cfg: &mut ServiceConfig) {
    let admin = web::scope("/admin")
        .wrap(from_fn(auth::operator))
        .service(call("/shards", Room::Item, [(Method::GET, web::to(admin::shards))]))
        .service(call(
            "/flags",
            Room::Item,
            [(Method::GET, web::to(admin::flags)), (Method::PUT, web::to(admin::put_flags))],
        ))
        .service(call("/config", Room::Item, [(Method::GET, web::to(admin::config))]))
        .service(call(
            "/log-level",
            Room::Item,
            [(Method::GET, web::to(admin::log_level)), (Method::PUT, web::to(admin::put_log_level))],
        ))
        .service(call("/games/{gameId}", Room::Item, [(Method::GET, web::to(admin::games::inspect))]))
        .service(call("/sessions/{sessionId}", Room::Item, [(Method::DELETE, web::to(sessions::revoke))]))
        .service(call("/cache/flush", Room::Item, [(Method::POST, web::to(admin::flush))]))
        .service(call("/cleanup", Room::Item, [(Method::POST, web::to(admin::clean_up))]))
        .service(call("/breakers", Room::Item, [(Method::GET, web::to(admin::breakers))]));
    cfg.service(admin);
}

/// What the page at play asks for.
fn demo(cfg: &mut ServiceConfig, app_env: AppEnv) {
    let demo = web::scope("/demo").wrap(from_fn(limits::bounded)).service(call(
        "/games",
        Room::Item,
        [(Method::POST, web::to(demo::make_game))],
    ));
    cfg.service(match app_env {
        AppEnv::Development => demo.service(call("/restart", Room::Item, [(Method::POST, web::to(demo::restart))])),
        AppEnv::Staging | AppEnv::Production => demo,
    });
}

/// Pages to be looked at, each with the name of what is in it.
fn pages(cfg: &mut ServiceConfig, pages: &'static [Page]) {
    for page in pages {
        let tag = page.tag();
        let show = move |request: HttpRequest| ready(page.answer(&tag, &request));
        cfg.service(resource(page.path, [(Method::GET, web::to(show))]));
    }
}

/// A call with a body and a deadline.
fn call<const N: usize>(path: &str, room: Room, routes: [(Method, Route); N]) -> impl HttpServiceFactory + 'static {
    resource(path, routes).app_data(room).wrap(from_fn(limits::timed))
}

/// A path that answers these methods, `HEAD` with `GET`, and refuses all others.
fn resource<const N: usize>(path: &str, routes: [(Method, Route); N]) -> Resource {
    let allowed = routes.each_ref().map(|(method, _)| method.as_str()).join(", ");
    let refuse = move || {
        let answer = Answer::invalid(format!("this path answers {allowed} alone"));
        let mut response = HttpResponse::from_error(answer.with_status(StatusCode::METHOD_NOT_ALLOWED));
        if let Ok(allowed) = allowed.parse() {
            response.headers_mut().insert(ALLOW, allowed);
        }
        ready(response)
    };
    let resource = routes.into_iter().fold(web::resource(path), |resource, (method, route)| {
        let reads = method == Method::GET;
        let guard = guard::Any(guard::Method(method));
        resource.route(route.guard(if reads { guard.or(guard::Head()) } else { guard }))
    });
    resource.default_service(web::to(refuse))
}

async fn unknown() -> Answered {
    Err(Answer::new(Code::NotFound, "there is nothing at this path"))
}

fn unfit_path(error: &PathError) -> Answer {
    match error {
        PathError::Deserialize(error) => Answer::invalid(error),
        other => Answer::invalid(other),
    }
}
