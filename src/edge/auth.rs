//! Who may call: game backends and operators show an API token.
//!
//! Tokens are compared as digests, in constant time and always with every one there is, so that a token can be rotated
//! and none can be guessed by the clock.

use actix_web::{
    Error, HttpMessage,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{AUTHORIZATION, HeaderMap},
    },
    middleware::Next,
};
use aws_lc_rs::{constant_time, digest};

use super::{
    Answer, Edge,
    metrics::{AuthFailure, known},
    request_id::RequestId,
};

const API_TOKEN: &str = "x-api-token";

/// The tokens that admit, as digests.
pub struct ApiTokens(Vec<digest::Digest>);

impl ApiTokens {
    /// Keeps digests of tokens.
    #[must_use]
    pub fn new<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        Self(tokens.into_iter().map(|token| digest_of(token.as_bytes())).collect())
    }

    fn admit(&self, shown: &[u8]) -> Option<TokenNumber> {
        let shown = digest_of(shown);
        // No early end: the time says neither which token it is nor how much of it is right.
        (1..).zip(&self.0).fold(None, |admitted, (number, token)| {
            let is_same = constant_time::verify_slices_are_equal(token.as_ref(), shown.as_ref()).is_ok();
            if is_same { Some(TokenNumber(number)) } else { admitted }
        })
    }

    fn check(&self, headers: &HeaderMap) -> Result<TokenNumber, AuthFailure> {
        let shown = match headers.get(API_TOKEN) {
            Some(token) => token.as_bytes(),
            None => bearer(headers).ok_or(AuthFailure::Missing)?.as_bytes(),
        };
        self.admit(shown).ok_or(AuthFailure::Invalid)
    }
}

/// Which of the tokens in `API_TOKEN` a caller shows, from 1 on: all that a log may say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TokenNumber(usize);

fn digest_of(token: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, token)
}

/// The token of an `Authorization: Bearer` header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets a call pass that shows an API token, or that needs none: a read, where the settings say so.
///
/// # Errors
/// What the service behind it fails with.
pub async fn backend(req: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let reads = matches!(*req.method(), Method::GET | Method::HEAD);
    if reads && !Edge::of(&req).live().settings.auth.read_requires_auth {
        return next.call(req).await;
    }
    match admitted(&req) {
        Ok(_) => next.call(req).await,
        Err(answer) => Ok(req.error_response(answer)),
    }
}

/// Lets a call pass that shows an API token, and logs what it changes.
///
/// # Errors
/// What the service behind it fails with.
pub async fn operator(req: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let token = match admitted(&req) {
        Ok(token) => token,
        Err(answer) => return Ok(req.error_response(answer)),
    };
    if matches!(*req.method(), Method::GET | Method::HEAD) {
        return next.call(req).await;
    }
    let (method, path) = (req.method().clone(), req.path().to_owned());
    let request_id = req.extensions().get::<RequestId>().cloned();

    let response = next.call(req).await?;

    tracing::info!(
        context = "HttpServer",
        requestId = request_id.as_ref().map(RequestId::as_str),
        apiToken = token.0,
        method = known(&method),
        path,
        status = response.status().as_u16(),
        "An operator acted"
    );
    Ok(response)
}

fn admitted(req: &ServiceRequest) -> Result<TokenNumber, Answer> {
    let edge = Edge::of(req);
    edge.live().api_tokens.check(req.headers()).map_err(|failure| {
        edge.metrics.unauthorized(failure);
        Answer::unauthorized()
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn every_token_of_a_rotation_admits() {
        let tokens = ApiTokens::new(["new", "old"]);

        assert_eq!(tokens.check(&headers("x-api-token", "new")), Ok(TokenNumber(1)));
        assert_eq!(tokens.check(&headers("authorization", "bearer old")), Ok(TokenNumber(2)));
        assert_eq!(ApiTokens::new(["new"]).check(&headers("x-api-token", "old")), Err(AuthFailure::Invalid));
    }

    #[test]
    fn a_call_without_a_token_is_told_apart_from_one_with_a_wrong_one() {
        let tokens = ApiTokens::new(["right"]);

        for (name, value) in [("accept", "right"), ("authorization", "Basic right"), ("authorization", "right")] {
            assert_eq!(tokens.check(&headers(name, value)), Err(AuthFailure::Missing));
        }
        for value in ["", "righ", "right "] {
            assert_eq!(tokens.check(&headers("x-api-token", value)), Err(AuthFailure::Invalid), "{value:?}");
        }
    }
}
