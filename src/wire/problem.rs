//! What an HTTP caller reads when it is refused: RFC 9457, `application/problem+json`.

use serde::Serialize;

use crate::domain::Sequence;

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was refused.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem<'a> {
    /// A place in the documentation, relative to the service.
    pub r#type: String,
    /// The same for every problem of one code.
    pub title: &'static str,
    pub status: u16,
    /// What was wrong this time.
    pub detail: &'a str,
    pub code: &'static str,
    pub request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Of a `conflict`: where the game's head is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_sequence: Option<Sequence>,
}
