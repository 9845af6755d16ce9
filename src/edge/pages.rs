//! The pages that the service shows of itself, from one table; their bytes are in the program.
//!
//! What they say and how they look lies in `web/`. None of them holds a secret, and none fetches anything from elsewhere.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, EntityTag, Header, IfNoneMatch, REFERRER_POLICY,
    },
};
use aws_lc_rs::digest;

/// The API as OpenAPI 3.1.
#[cfg(test)]
pub const OPEN_API: &str = include_str!("../../web/docs/openapi.json");

/// The client protocol as AsyncAPI 3.
#[cfg(test)]
pub const ASYNC_API: &str = include_str!("../../web/docs/asyncapi.json");

/// Nothing but what comes from here, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Something to be shown, and where.
pub struct Page {
    pub path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

/// Names a page by its path, its media type and its file in `web/`.
macro_rules! pages {
    ($(($path:literal, $media_type:ident, $file:literal)),* $(,)?) => {
        &[$(Page { path: $path, media_type: $media_type, bytes: include_bytes!(concat!("../../web/", $file)) }),*]
    };
}

/// What all pages use, and what the service says of its interfaces. On both listeners.
pub const DOCUMENTATION: &[Page] = pages![
    ("/assets/shared.css", CSS, "shared.css"),
    ("/assets/dom.js", SCRIPT, "dom.js"),
    ("/assets/mark.svg", SVG, "mark.svg"),
    ("/openapi.json", JSON, "docs/openapi.json"),
    ("/asyncapi.json", JSON, "docs/asyncapi.json"),
    ("/docs", HTML, "docs/api.html"),
    ("/docs/protocol", HTML, "docs/protocol.html"),
    ("/docs/protocol.js", SCRIPT, "docs/protocol.js"),
    ("/docs/api.js", SCRIPT, "docs/api.js"),
    ("/docs/schema.js", SCRIPT, "docs/schema.js"),
    ("/docs/docs.css", CSS, "docs/docs.css"),
];

/// The service at play. With `DEMO` alone.
pub const DEMO: &[Page] = pages![
    ("/", HTML, "demo/index.html"),
    ("/demo/demo.css", CSS, "demo/demo.css"),
    ("/demo/log.js", SCRIPT, "demo/log.js"),
    ("/demo/main.js", SCRIPT, "demo/main.js"),
    ("/demo/board.js", SCRIPT, "demo/board.js"),
    ("/demo/clocks.js", SCRIPT, "demo/clocks.js"),
    ("/demo/famous.js", SCRIPT, "demo/famous.js"),
    ("/demo/match.js", SCRIPT, "demo/match.js"),
    ("/demo/pieces.js", SCRIPT, "demo/pieces.js"),
    ("/demo/place.js", SCRIPT, "demo/place.js"),
    ("/demo/table.js", SCRIPT, "demo/table.js"),
    ("/demo/wire.js", SCRIPT, "demo/wire.js"),
    ("/demo/words.js", SCRIPT, "demo/words.js"),
    ("/demo/deep-blue-1997.txt", TEXT, "../src/commands/smoke/deep-blue-1997.txt"),
    ("/assets/rejoin-client.js", SCRIPT, "vendor/rejoin-client.js"),
    ("/assets/chess.js", SCRIPT, "vendor/chess.js"),
];

/// What operators look at. Where `/admin` is.
pub const CONSOLE: &[Page] = pages![
    ("/console", HTML, "console/index.html"),
    ("/console/console.css", CSS, "console/console.css"),
    ("/console/main.js", SCRIPT, "console/main.js"),
    ("/console/api.js", SCRIPT, "console/api.js"),
    ("/console/exposition.js", SCRIPT, "console/exposition.js"),
    ("/console/sample.js", SCRIPT, "console/sample.js"),
    ("/console/numbers.js", SCRIPT, "console/numbers.js"),
    ("/console/plot.js", SCRIPT, "console/plot.js"),
    ("/console/overview.js", SCRIPT, "console/overview.js"),
    ("/console/shards.js", SCRIPT, "console/shards.js"),
    ("/console/breakers.js", SCRIPT, "console/breakers.js"),
    ("/console/game.js", SCRIPT, "console/game.js"),
    ("/console/controls.js", SCRIPT, "console/controls.js"),
    ("/console/confirm.js", SCRIPT, "console/confirm.js"),
];

impl Page {
    /// Names the bytes, so that nobody is sent twice what has not changed.
    #[must_use]
    pub fn tag(&self) -> EntityTag {
        let digest = digest::digest(&digest::SHA256, self.bytes);
        EntityTag::new_strong(digest.as_ref()[..12].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Answers with the page, or that it is what the caller has already.
    #[must_use]
    pub fn answer(&self, tag: &EntityTag, request: &HttpRequest) -> HttpResponse {
        let has_it = match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
            Err(_) => false,
        };
        let mut response = if has_it { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((ETAG, tag.to_string()))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"));
        if has_it {
            response.finish()
        } else {
            response.insert_header((CONTENT_TYPE, self.media_type)).body(self.bytes)
        }
    }
}
