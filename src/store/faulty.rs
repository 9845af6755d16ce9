//! A durable tier that fails on demand, for tests of what stands before it.

use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;

use super::{
    Cleaned, DurableStore, EventPage, Outcome, PageLimit, Retention, Revocation, Revoked, Stand, StoreError, Write,
    sqlite::{OpenOptions, SqliteStore},
};
use crate::domain::{Game, GameId, Sequence, SessionId, Timestamp};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answers late.
    Slow(Duration),
    /// Does not answer, nor do anything, until the fault is lifted.
    Stuck,
    /// Answers `Unavailable`.
    Unavailable,
    /// Answers a write `Unknown`, with nothing done.
    UnknownNotDone,
    /// Answers a write `Unknown`, with everything done.
    UnknownDone,
}

/// Whose calls go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Every call's.
    All,
    /// Those that name a game whose id starts like this. A batch goes wrong as a whole.
    GamesLike(&'static str),
}

#[derive(Debug, Clone)]
struct Rule {
    whose: Whose,
    fault: Fault,
    once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
}

impl Rule {
    fn applies(&self, call: Call, games: &[GameId]) -> bool {
        let whose = match self.whose {
            Whose::All => true,
            Whose::GamesLike(prefix) => games.iter().any(|game| game.as_str().starts_with(prefix)),
        };
        // Only writes can be unknown.
        whose && (call == Call::Write || !matches!(self.fault, Fault::UnknownNotDone | Fault::UnknownDone))
    }
}

/// The faults of a store. Clones are the same.
#[derive(Debug, Clone)]
pub struct Faults(watch::Sender<Vec<Rule>>);

impl Faults {
    /// Lets calls go wrong until [`Faults::lift`].
    pub fn set(&self, whose: Whose, fault: Fault) {
        self.add(Rule { whose, fault, once: false });
    }

    /// Lets the next such call go wrong.
    pub fn once(&self, whose: Whose, fault: Fault) {
        self.add(Rule { whose, fault, once: true });
    }

    /// Mends everything.
    pub fn lift(&self) {
        self.0.send_modify(Vec::clear);
    }

    fn add(&self, rule: Rule) {
        self.0.send_modify(|rules| rules.push(rule));
    }

    fn next(&self, call: Call, games: &[GameId]) -> Option<Fault> {
        let mut next = None;
        self.0.send_if_modified(|rules| {
            let Some(index) = rules.iter().position(|rule| rule.applies(call, games)) else { return false };
            next = Some(rules[index].fault);
            // A stuck call waits for its own rule to go.
            if rules[index].once && rules[index].fault != Fault::Stuck {
                rules.remove(index);
            }
            false
        });
        next
    }

    /// Waits until nothing holds these games.
    async fn released(&self, call: Call, games: &[GameId]) {
        let stuck = |rule: &Rule| rule.fault == Fault::Stuck && rule.applies(call, games);
        let _ = self.0.subscribe().wait_for(|rules| !rules.iter().any(stuck)).await;
    }
}

/// A SQLite tier behind faults.
pub struct FaultyStore {
    inner: SqliteStore,
    faults: Faults,
    /// Removed with the store, after it was closed.
    _folder: Option<TempDir>,
}

impl FaultyStore {
    /// Puts faults before a store. The second part steers them.
    #[must_use]
    pub fn over(inner: SqliteStore) -> (Self, Faults) {
        let faults = Faults(watch::Sender::new(Vec::new()));
        (Self { inner, faults: faults.clone(), _folder: None }, faults)
    }

    /// Makes an empty store that goes when it is dropped.
    ///
    /// # Panics
    /// Without a place for temporary files.
    #[must_use]
    pub fn temporary() -> (Self, Faults) {
        let folder = tempfile::tempdir().unwrap();
        let inner = SqliteStore::open(folder.path().join("games.db"), &OpenOptions::default()).unwrap();
        let (store, faults) = Self::over(inner);
        (Self { _folder: Some(folder), ..store }, faults)
    }

    async fn call<T>(
        &self,
        call: Call,
        games: &[GameId],
        done: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let why = || "as the test wants it".to_owned();
        match self.faults.next(call, games) {
            None => done.await,
            Some(Fault::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                done.await
            }
            Some(Fault::Stuck) => {
                self.faults.released(call, games).await;
                done.await
            }
            Some(Fault::Unavailable) => Err(StoreError::Unavailable(why())),
            Some(Fault::UnknownNotDone) => Err(StoreError::Unknown(why())),
            Some(Fault::UnknownDone) => {
                done.await?;
                Err(StoreError::Unknown(why()))
            }
        }
    }
}

fn games_of(batch: &[Write]) -> Vec<GameId> {
    let of_write = |write: &Write| match write {
        Write::Append(append) => vec![append.game_id.clone()],
        Write::CreateGame(game) => vec![game.id.clone()],
        Write::ChangeGame(change) => vec![change.game_id.clone()],
        Write::PutSummary { game_id, .. } | Write::TakeSeat { game_id, .. } | Write::DeleteGame { game_id, .. } => {
            vec![game_id.clone()]
        }
        Write::PutClock(change) => vec![change.game_id.clone()],
        Write::Recall { game_id, .. } => vec![game_id.clone()],
        Write::Marks { seats: _, floors, clocks } => {
            let of_clocks = clocks.iter().map(|served| served.game_id.clone());
            floors.iter().map(|floor| floor.game_id.clone()).chain(of_clocks).collect()
        }
    };
    batch.iter().flat_map(of_write).collect()
}

impl DurableStore for FaultyStore {
    async fn commit(&self, batch: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
        let games = games_of(&batch);
        self.call(Call::Write, &games, self.inner.commit(batch)).await
    }

    async fn load(&self, games: Vec<GameId>, tail: usize) -> Result<Vec<Option<Game>>, StoreError> {
        self.call(Call::Read, &games, self.inner.load(games.clone(), tail)).await
    }

    async fn events_after(
        &self,
        game: GameId,
        after: Sequence,
        limit: PageLimit,
    ) -> Result<Option<EventPage>, StoreError> {
        let games = [game.clone()];
        self.call(Call::Read, &games, self.inner.events_after(game, after, limit)).await
    }

    async fn game_of_session(&self, session: SessionId) -> Result<Option<GameId>, StoreError> {
        self.call(Call::Read, &[], self.inner.game_of_session(session)).await
    }

    async fn stands(&self, games: Vec<GameId>) -> Result<Vec<Option<Stand>>, StoreError> {
        self.call(Call::Read, &games, self.inner.stands(games.clone())).await
    }

    async fn revoked_since(&self, at: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        self.call(Call::Read, &[], self.inner.revoked_since(at)).await
    }

    async fn revoke(&self, which: Revocation, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        self.call(Call::Write, &[], self.inner.revoke(which, now)).await
    }

    async fn clean_up(&self, keep: Retention, now: Timestamp) -> Result<Cleaned, StoreError> {
        self.call(Call::Write, &[], self.inner.clean_up(keep, now)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.call(Call::Read, &[], self.inner.check()).await
    }
}
