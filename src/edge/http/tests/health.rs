use actix_web::test::TestRequest;
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

    for page in pages::DOCUMENTATION {
        let shown = caller.get(page.path).await;
        assert_eq!(shown.status, 200, "{}", page.path);
        assert!(shown.header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(shown.header("cache-control"), "no-cache");
        assert!(!shown.text().contains("https://cdn"));
    }
}

#[actix_web::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let kit = Kit::start();
    let caller = caller(&kit).await;
    let tag = caller.get("/docs").await.header("etag").to_owned();

    let again = caller.send(TestRequest::with_uri("/docs").insert_header(("if-none-match", tag.clone()))).await;
    let other = caller.send(TestRequest::with_uri("/docs").insert_header(("if-none-match", "\"other\""))).await;

    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()));
    assert_eq!((other.status, other.header("etag")), (200, tag.as_str()));
}

#[actix_web::test]
async fn the_console_is_where_operators_are() {
    let (kit, shared) = (Kit::start(), Kit::with(&[("ADMIN_PUBLIC", "true")]));

    for page in pages::CONSOLE {
        let path = page.path;
        assert_eq!(operator(&kit).await.send(TestRequest::with_uri(path)).await.status, 200, "{path}");
        assert_eq!(caller(&shared).await.send(TestRequest::with_uri(path)).await.status, 200, "{path}");
        assert_eq!(caller(&kit).await.send(TestRequest::with_uri(path)).await.status, 404, "{path}");
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
