//! What holds for every request: it has a name and is counted, and there are never too many nor too long ones.

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tokio::time::{Instant, timeout};

use super::{
    Answer, Code, Edge, body,
    metrics::known,
    request_id::{RequestId, X_REQUEST_ID},
};
use crate::wire::problem::{self, Problem};

const NO_SNIFF: (HeaderName, HeaderValue) = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Names, measures and logs a request, and writes its problem, if it has one. The outermost of all.
///
/// # Errors
/// What the service behind it fails with.
pub async fn observe(req: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let edge = Edge::of(&req);
    let id = RequestId::of(req.headers());
    req.extensions_mut().insert(id.clone());

    let mut response = next.call(req).await?;

    let answer = response.response().error().and_then(|error| error.as_error::<Answer>()).cloned();
    if let Some(answer) = &answer {
        response = with_problem(response, answer, &id);
    }
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, id.header());
    headers.insert(NO_SNIFF.0, NO_SNIFF.1);
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    }

    let (method, status, took) = (response.request().method().clone(), response.status(), begun.elapsed());
    let pattern = response.request().match_pattern();
    let route = pattern.as_deref().unwrap_or("unmatched");
    // An upgrade is no answer: it would count as an error, and connections have metrics of their own.
    if status != StatusCode::SWITCHING_PROTOCOLS {
        edge.metrics.answered(&method, route, status, took);
    }
    let (context, method, status) = ("HttpServer", known(&method), status.as_u16());
    let (id, ms) = (id.as_str(), took.as_millis());
    if status >= 500 {
        let error = answer.map(|answer| answer.to_string());
        tracing::warn!(context, requestId = id, method, route, status, ms, error, "Failed a request");
    } else {
        tracing::debug!(context, requestId = id, method, route, status, ms, "Answered a request");
    }
    Ok(response)
}

fn with_problem(response: ServiceResponse<BoxBody>, answer: &Answer, id: &RequestId) -> ServiceResponse<BoxBody> {
    let code = answer.code.as_str();
    let problem = Problem {
        r#type: format!("/docs#{code}"),
        title: answer.code.title(),
        status: answer.status.as_u16(),
        detail: &answer.message,
        code,
        request_id: id.as_str(),
        retry_after_ms: answer.retry_after.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
        head_sequence: answer.head_sequence,
    };
    let json = serde_json::to_vec(&problem).unwrap_or_default();
    response.map_body(|head, _| {
        head.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE));
        json.boxed()
    })
}

/// Refuses a request when too many are under way.
///
/// # Errors
/// What the service behind it fails with.
pub async fn bounded(req: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let edge = Edge::of(&req);
    let Some(_place) = edge.metrics.enter(edge.live().settings.limits.max_inflight.get()) else {
        return Ok(req.error_response(Answer::new(Code::Backpressure, "too many requests are under way")));
    };
    next.call(req).await
}

/// Takes in the request's body, then gives the rest of the work its deadline.
///
/// # Errors
/// What the service behind it fails with.
pub async fn timed(mut req: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let live = Edge::of(&req).live();
    let limits = &live.settings.limits;
    if let Err(answer) = body::take_in(&mut req, limits.max_item_bytes.get()).await {
        return Ok(req.error_response(answer));
    }
    // Routing is over, so that a second hold on the request is safe.
    let request = req.request().clone();
    match timeout(limits.request_timeout, next.call(req)).await {
        Ok(result) => result,
        Err(_) => {
            let answer = Answer::new(
                Code::Timeout,
                "no answer in time; a write may have been done: try again with the same ref",
            );
            Ok(ServiceResponse::from_err(answer, request))
        }
    }
}
