//! The service when what it stands on fails: real servers, killed, frozen, cut off, while a crowd of players plays on.
//!
//! Nothing in here looks inside. What is expected is what `docs/` promises, one claim a test.

mod cache;
mod proxy;
mod rig;
mod services;
#[path = "../server/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the server use the rest of it")]
mod support;

mod canary;
mod crash;
mod draining;
mod network;
mod nodes;
mod postgres;
mod redis;
mod stale;
