//! The documentation that the service serves of itself.

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

/// The API as OpenAPI 3.1.
pub const OPEN_API: &str = include_str!("pages/openapi.json");

/// Nothing but what comes from here, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /openapi.json`
pub async fn open_api() -> HttpResponse {
    page("application/json", OPEN_API)
}

/// `GET /docs`
pub async fn docs() -> HttpResponse {
    page("text/html; charset=utf-8", include_str!("pages/docs.html"))
}

/// `GET /docs/docs.js`
pub async fn script() -> HttpResponse {
    page("text/javascript; charset=utf-8", include_str!("pages/docs.js"))
}

/// `GET /docs/docs.css`
pub async fn style() -> HttpResponse {
    page("text/css; charset=utf-8", include_str!("pages/docs.css"))
}

fn page(media_type: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(text)
}
