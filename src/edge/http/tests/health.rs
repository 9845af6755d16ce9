use serde_json::{Value, json};

use super::{Kit, caller, operator};
use crate::{
    edge::pages,
    store::faulty::{Fault, Whose},
};

#[actix_web::test]
async fn a_node_is_ready_until_it_drains() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    let ready = caller.get("/readyz").await;
    kit.edge.drain();
    let draining = caller.get("/readyz").await;

    let checks = json!({ "store": "ok", "redis": "disabled", "shards": "ok" });
    assert_eq!((ready.status, ready.json()), (200, json!({ "status": "ready", "checks": checks })));
    assert_eq!((draining.status, &draining.json()["status"]), (503, &"draining".into()));
    assert_eq!(caller.get("/healthz").await.status, 200);
}

#[actix_web::test]
async fn a_node_without_its_store_is_not_ready() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    kit.faults.set(Whose::All, Fault::Unavailable);

    let response = caller.get("/readyz").await;

    assert_eq!((response.status, &response.json()["checks"]["store"]), (503, &"unavailable".into()));
}

#[actix_web::test]
async fn a_node_whose_shards_are_silent_is_not_ready() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    kit.stop_shards();

    let response = caller.get("/readyz").await;

    assert_eq!((response.status, &response.json()["checks"]["shards"]), (503, &"unavailable".into()));
}

#[actix_web::test]
async fn metrics_are_open_metrics() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    let response = caller.get("/metrics").await;

    assert_eq!(response.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(response.text().ends_with("# EOF\n"));
    assert!(response.text().contains("\ncache_auth_failures_total{reason=\"missing\"} 0\n"));
    assert!(response.text().contains("\ncache_shard_imbalance 0.0\n"));
}

#[actix_web::test]
async fn redis_is_said_to_be_disabled() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    let response = caller.get("/api/health/redis").await;

    let document = response.json();
    assert_eq!((response.status, &document["status"]), (200, &"disabled".into()));
    assert_eq!(document["timestamp"], "2023-11-14T22:13:20.000Z");
    assert_eq!(document["sessionCache"]["enabled"], false);
    assert_eq!(document["errors"], json!([]));
}

#[actix_web::test]
async fn the_second_listener_answers_operators_alone() {
    let kit = Kit::start();
    let caller = operator(&kit).await;

    for path in ["/healthz", "/readyz", "/metrics", "/admin/config"] {
        assert_eq!(caller.get(path).await.status, 200, "{path}");
    }
    assert_eq!(caller.get("/v1/games/g1").await.status, 404);
}

#[actix_web::test]
async fn the_documentation_runs_nothing_from_elsewhere() {
    let kit = Kit::start();
    let caller = caller(&kit).await;

    for path in ["/docs", "/docs/docs.js", "/docs/docs.css", "/openapi.json"] {
        let page = caller.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(!page.text().contains("https://cdn"));
    }
}

/// Fails where a path is documented that is not served, or by another method.
#[actix_web::test]
async fn every_documented_call_is_served() {
    let kit = Kit::start();
    let (public, admin) = (caller(&kit).await, operator(&kit).await);
    let document: Value = serde_json::from_str(pages::OPEN_API).unwrap();

    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let method = method.to_uppercase().parse().unwrap();
            let uri = path.replace(['{', '}'], "");
            let response = if path.starts_with("/admin") {
                admin.call(method, &uri, "").await
            } else {
                public.call(method, &uri, "").await
            };
            let unmatched = response.text().contains("there is nothing at this path");
            assert!(!unmatched && response.status != 405, "{path}: {}", response.text());
        }
    }
}
