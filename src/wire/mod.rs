//! What travels: frames, close codes, bodies. Shapes only; the rules are in `domain`.

pub mod client_frame;
pub mod clock;
pub mod close_code;
pub mod event;
pub mod game;
pub mod inspection;
pub mod json;
pub mod operation;
pub mod problem;
pub mod server_frame;
pub mod session;
pub mod verbatim;
