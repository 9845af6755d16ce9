//! What the durable tiers in SQL have in common: tables, and what their rows mean.

pub(super) mod assembly;
pub(super) mod clean_up;
pub(super) mod clock;
pub(super) mod failure;
pub(super) mod page;
pub(super) mod rows;
pub(super) mod schema;
pub(super) mod statement;
