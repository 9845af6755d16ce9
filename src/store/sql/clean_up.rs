//! A clean-up in small steps, so that play never waits long for it.

use crate::store::{Cleaned, StoreError};

/// Chunks of one clean-up at most, so that a large backlog ends in several calls and not in a deadline.
const CHUNKS: usize = 16;

/// What one transaction of a clean-up removed.
#[derive(Default)]
pub(in crate::store) struct Chunk {
    pub(in crate::store) cleaned: Cleaned,
    /// There may be more to remove.
    pub(in crate::store) full: bool,
}

/// Removes chunk by chunk.
pub(in crate::store) async fn in_chunks<F>(mut next: impl FnMut() -> F) -> Result<Cleaned, StoreError>
where
    F: Future<Output = Result<Chunk, StoreError>>,
{
    let mut cleaned = Cleaned::default();
    for _ in 0..CHUNKS {
        match next().await {
            Ok(chunk) => {
                cleaned.sessions += chunk.cleaned.sessions;
                cleaned.events += chunk.cleaned.events;
                cleaned.unseated.extend(chunk.cleaned.unseated);
                cleaned.games.extend(chunk.cleaned.games);
                if !chunk.full {
                    break;
                }
            }
            // What is gone must be told; the rest goes another time.
            Err(error) if cleaned != Cleaned::default() => {
                tracing::warn!(context = "Store", %error, "Stopped the clean-up halfway");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(cleaned)
}
