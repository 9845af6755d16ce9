//! stub
use crate::{domain::Sequence, shard::ShardError};
use std::time::Duration;
pub struct Answer {
    pub code: &'static str,
    pub message: String,
    pub retry_after: Option<Duration>,
    pub head_sequence: Option<Sequence>,
}
impl From<&ShardError> for Answer {
    fn from(e: &ShardError) -> Self {
        Answer { code: "internal", message: e.to_string(), retry_after: None, head_sequence: None }
    }
}
#[derive(Debug)]
pub struct Refused;
impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("x")
    }
}
impl actix_web::ResponseError for Refused {}
impl Refused {
    pub fn foreign_origin() -> Self {
        Self
    }
    pub fn draining() -> Self {
        Self
    }
    pub fn out_of_capacity(_: &dyn std::fmt::Display) -> Self {
        Self
    }
    pub fn too_many_connections(_: &dyn std::fmt::Display) -> Self {
        Self
    }
    pub fn no_websocket(_: &dyn std::fmt::Display) -> Self {
        Self
    }
}
