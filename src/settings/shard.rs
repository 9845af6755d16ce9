//! How games are spread over cores and memory.

use std::num::NonZeroUsize;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::machine;
use super::section::Section;
use super::values::{BYTES, COUNT};
use super::variable::{BuiltIn, Variable};

/// Each shard is a thread; more than this is a slip of the finger.
const MAX_SHARDS: usize = 1024;
const SHARDS: &str = "a whole number from 1 to 1024";

/// The shards and their bounds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ShardSettings {
    /// `SHARDS`, default the available cores, at most 1024.
    #[serde(deserialize_with = "up_to_max_shards")]
    pub shards: NonZeroUsize,
    /// `MAX_SHARD_MAILBOX`, default 1000 commands waiting for one shard; the next is refused.
    #[serde(rename = "max_shard_mailbox")]
    pub mailbox_capacity: NonZeroUsize,
    /// `MEMORY_BUDGET_BYTES`, default a quarter of the machine's memory, or of its cgroup's: bytes for all shards
    /// together.
    pub memory_budget_bytes: NonZeroUsize,
}

impl Section for ShardSettings {
    const VARIABLES: &'static [Variable] = &[
        Variable::new("SHARDS", SHARDS).built_in(BuiltIn::OfTheMachine(default_shards)),
        Variable::new("MAX_SHARD_MAILBOX", COUNT).default("1000"),
        Variable::new("MEMORY_BUDGET_BYTES", BYTES).built_in(BuiltIn::OfTheMachine(default_budget)).reloads(),
    ];
}

fn up_to_max_shards<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroUsize, D::Error> {
    let shards = NonZeroUsize::deserialize(deserializer)?;
    if shards.get() > MAX_SHARDS { Err(D::Error::custom(SHARDS)) } else { Ok(shards) }
}

fn default_shards() -> String {
    machine::cores().min(MAX_SHARDS).to_string()
}

fn default_budget() -> String {
    (machine::memory_bytes() / 4).max(1).to_string()
}
