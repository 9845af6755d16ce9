//! Every open connection of this node: how many there are, for whom, and whether they still live.

/// Every open connection of this node.
#[derive(Default)]
pub struct Connections {}

impl Connections {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        0
    }
}
