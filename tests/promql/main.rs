//! What people on call see: every query has an answer from a real Prometheus, every metric is served, and every alert and
//! panel leads to a page that exists.

mod dashboards;
mod metrics;
mod pages;
mod prometheus;
mod queries;
#[path = "../faults/services.rs"]
#[expect(dead_code, reason = "here nothing happens to them")]
mod services;
#[path = "../server/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the server use the rest of it")]
mod support;

use std::sync::LazyLock;

use services::{Service, Services};
use support::Server;

/// A Postgres and a Redis that the tests of this file share. They end with this process.
static SERVICES: LazyLock<Services> = LazyLock::new(|| Services::start(&[Service::Postgres, Service::Redis]));

/// Starts a server that has every tier, and thereby every metric.
async fn serve() -> Server {
    let [postgres, redis] =
        [Service::Postgres, Service::Redis].map(|service| (service.variable(), SERVICES.url(service)));
    let settings = [postgres, redis, ("SESSION_REDIS_READTHROUGH_ENABLED", "true"), ("ADMIN_PUBLIC", "true")];
    Server::with(&settings).await
}
