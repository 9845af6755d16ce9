//! The connections that read, beside the one that writes.

use std::sync::Arc;

use diesel::SqliteConnection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::connection::{Connections, unavailable};
use crate::store::StoreError;

/// Reads on a few connections at once. Who finds them all taken waits, for as long as the caller's deadline allows.
pub(super) struct Readers {
    connections: Arc<Connections>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(connections: Connections, at_once: usize) -> Self {
        Self { connections: Arc::new(connections), permits: Arc::new(Semaphore::new(at_once.max(1))) }
    }

    /// Reads on a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(unavailable)?;
        let connections = Arc::clone(&self.connections);
        let read = spawn_blocking(move || {
            // Kept until the connection is back, even if nobody waits for the answer any more.
            let _permit = permit;
            connections.lend(work)
        });
        read.await.map_err(unavailable)?
    }
}
