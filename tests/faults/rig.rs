//! A server on services of its own, and the crowd that plays there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    services::{Service, Services},
    support::{ANY_RATE, Server, Style},
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

/// Has a server forget what it has in memory, so that it must read it again.
pub fn flush(server: &Server) {
    server.call("POST", "/admin/cache/flush", &json!({})).expect(204);
}

/// What `/readyz` says, and with which status.
pub fn readiness(server: &Server) -> (u16, Value) {
    let answer = server.call("GET", "/readyz", &Value::Null);
    (answer.status, answer.json())
}
