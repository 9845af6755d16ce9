//! A server on services of its own, and the crowd that plays there.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    services::{Service, Services},
    support::{
        ANY_RATE, Chance, SOON, Server,
        crowd::{Crowd, Report, Style},
        until,
    },
};

/// Fifty games, and pauses that let some crowds play on one small machine.
pub const CROWD: Style = Style { games: 50, pause_below_ms: 300, patience: Duration::from_secs(5) };

/// Starts a server on these services, with these settings besides.
pub async fn serve(services: &Services, which: &[Service], settings: &[(&str, &str)]) -> Server {
    let urls: Vec<_> = which.iter().map(|service| (service.variable(), services.url(*service))).collect();
    serve_at(&urls, settings).await
}

/// Starts a server on services at these URLs.
pub async fn serve_at(urls: &[(&str, &str)], settings: &[(&str, &str)]) -> Server {
    let usual = [ANY_RATE[0], ANY_RATE[1], ("ADMIN_PUBLIC", "true"), ("SESSION_REDIS_READTHROUGH_ENABLED", "true")];
    Server::with(&[usual.as_slice(), urls, settings].concat()).await
}

/// Has a crowd play before, through and after a trouble, and checks every game from the stores.
pub async fn play_through(
    services: &Services,
    server: &Server,
    trouble: impl FnOnce(&Services),
    lasting: Duration,
    end: impl FnOnce(&Services),
) -> Report {
    let mut chance = Chance::announced();
    let crowd = Crowd::gather(CROWD, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    trouble(services);
    sleep(lasting).await;
    end(services);
    crowd.goes_on().await;

    audit(crowd, server).await
}

/// Lets a crowd come to its end, and holds it against what a server finds in the stores.
pub async fn audit(crowd: Crowd, server: &Server) -> Report {
    let played = crowd.stop().await;
    // It writes again as soon as the store is back, and reads once the breaker has tried.
    let reads = || server.call("GET", "/v1/games/nobody-plays-this", &Value::Null).status == 404;
    until("the store to be read again", SOON, reads).await;
    flush(server);
    played.audit(server).await
}

/// Has a server forget what it has in memory, so that it must read it again.
pub fn flush(server: &Server) {
    server.call("POST", "/admin/cache/flush", &json!({})).expect(204);
}

/// Revokes a session.
pub fn revoke(server: &Server, session_id: &str) {
    let revoked = server.call("DELETE", &format!("/v1/sessions/{session_id}"), &Value::Null);
    assert!(matches!(revoked.status, 200 | 204), "{revoked:?}");
}

/// What `/readyz` says, and with which status.
pub fn readiness(server: &Server) -> (u16, Value) {
    let answer = server.call("GET", "/readyz", &Value::Null);
    (answer.status, answer.json())
}
