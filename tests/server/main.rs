//! The service as its users see it: server processes of their own, real sockets, real crashes.
//!
//! Nothing in here looks inside. What is expected is what `docs/` promises, one claim a test.

mod support;

mod access;
mod backpressure;
mod bad_input;
mod clocks;
mod commands;
mod crash;
mod drain;
mod http;
mod load;
mod memory;
mod protocol;
mod reload;
mod replay;
mod resume;
mod spectators;
mod supervised;
