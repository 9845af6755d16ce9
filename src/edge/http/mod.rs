//! What game backends call: games, their events, their users' sessions.

pub mod clock;
pub mod events;
pub mod games;
pub mod sessions;

#[cfg(test)]
mod tests;

use actix_web::{HttpResponse, http::StatusCode};
use serde::Serialize;

use super::{Answer, Code, Edge};
use crate::domain::Payload;

/// What a call answers.
pub type Answered = Result<HttpResponse, Answer>;

/// A body and its status.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).json(body)
}

/// Refuses an item that has more bytes than the settings allow.
fn check_size(edge: &Edge, name: &str, item: Option<&Payload>) -> Result<(), Answer> {
    let max = edge.live().settings.limits.max_item_bytes.get();
    match item.map(|item| item.as_str().len()) {
        Some(bytes) if bytes > max => {
            Err(Answer::new(Code::TooLarge, format!("{name} has {bytes} bytes, more than {max}")))
        }
        Some(_) | None => Ok(()),
    }
}
