//! Reads from the durable store on behalf of shards, which never wait themselves.
//!
//! Owns how cold games are batched: what is asked for while a load is under way is loaded together after it.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::{
    domain::{GameId, Sequence},
    store::{EventPage, Loaded, PageLimit, Store, StoreError, redis::Wanted},
};

/// Cold games that may wait before loads are refused.
const QUEUE: usize = 16_384;
/// Games of one load.
const BATCH: usize = 128;
/// Loads under way at a time.
const CONCURRENT: usize = 4;
/// Pages under way at a time, beyond which they wait in line.
const CONCURRENT_PAGES: usize = 16;
/// Pages that may wait. A connection asks for one at a time.
const PAGE_QUEUE: usize = 65_536;

/// A cold game to be loaded.
pub struct LoadRequest {
    pub wanted: Wanted,
    /// How many of its newest events are wanted; more may come.
    pub tail: usize,
    pub then: Box<dyn FnOnce(Result<Option<Loaded>, StoreError>) + Send>,
}

/// Events to be read that are no longer in memory.
pub struct PageRequest {
    pub game_id: GameId,
    pub after: Sequence,
    pub limit: PageLimit,
    pub then: Box<dyn FnOnce(Result<Option<EventPage>, StoreError>) + Send>,
}

/// Where shards ask for what is not in memory.
#[derive(Clone)]
pub struct Reader {
    loads: mpsc::Sender<LoadRequest>,
    pages: mpsc::Sender<PageRequest>,
}

impl Reader {
    /// Starts reading on `runtime`. Ends once every clone is dropped.
    pub fn start(store: Store, runtime: &tokio::runtime::Handle) -> Self {
        let (reader, loads, pages) = Self::by_hand();
        runtime.spawn(load(store.clone(), loads));
        runtime.spawn(read_pages(store, pages));
        reader
    }

    /// A reader whose requests the caller takes out by itself.
    pub fn by_hand() -> (Self, mpsc::Receiver<LoadRequest>, mpsc::Receiver<PageRequest>) {
        let (loads, load_requests) = mpsc::channel(QUEUE);
        let (pages, page_requests) = mpsc::channel(PAGE_QUEUE);
        (Self { loads, pages }, load_requests, page_requests)
    }

    /// Asks for a game. Where too many wait already, the answer is `Unavailable`, at once.
    pub fn load(&self, request: LoadRequest) {
        if let Err(refused) = self.loads.try_send(request) {
            (refused.into_inner().then)(Err(too_many()));
        }
    }

    /// Asks for events. Where too many wait already, the answer is `Unavailable`, at once.
    pub fn page(&self, request: PageRequest) {
        if let Err(refused) = self.pages.try_send(request) {
            (refused.into_inner().then)(Err(too_many()));
        }
    }
}

fn too_many() -> StoreError {
    StoreError::Unavailable("too many reads are waiting".to_owned())
}

async fn load(store: Store, mut requests: mpsc::Receiver<LoadRequest>) {
    let slots = Arc::new(Semaphore::new(CONCURRENT));
    let mut batch = Vec::with_capacity(BATCH);
    while requests.recv_many(&mut batch, BATCH).await > 0 {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        // What came while waiting for a slot goes along.
        while batch.len() < BATCH
            && let Ok(request) = requests.try_recv()
        {
            batch.push(request);
        }
        let (store, batch) = (store.clone(), std::mem::take(&mut batch));
        tokio::spawn(async move {
            let tail = batch.iter().map(|request| request.tail).max().unwrap_or(0);
            let wanted = batch.iter().map(|request| request.wanted.clone()).collect();
            match store.load(wanted, tail).await {
                Ok(games) => batch.into_iter().zip(games).for_each(|(request, game)| (request.then)(Ok(game))),
                Err(error) => batch.into_iter().for_each(|request| (request.then)(Err(error.clone()))),
            }
            drop(slot);
        });
    }
}

async fn read_pages(store: Store, mut requests: mpsc::Receiver<PageRequest>) {
    let slots = Arc::new(Semaphore::new(CONCURRENT_PAGES));
    while let Some(request) = requests.recv().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let store = store.clone();
        tokio::spawn(async move {
            (request.then)(store.events_after(request.game_id, request.after, request.limit).await);
            drop(slot);
        });
    }
}
