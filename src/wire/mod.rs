//! What travels: frames, close codes, bodies. Shapes only; the rules are in `domain`.

pub mod client_frame;
pub mod close_code;
pub mod json;
pub mod server_frame;
