//! The suite of claims, and what is SQLite's alone.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use diesel_migrations::MigrationHarness;
use tempfile::TempDir;

use super::{
    OpenOptions, SqliteStore,
    connection::{Connections, Database, Role},
    migrate::{MIGRATIONS, migrate},
};
use crate::{
    domain::Sequence,
    store::{
        DurableStore, Outcome, StoreError,
        conformance::{
            Tier, every_claim,
            table::{Table, event, first, sequences},
        },
    },
};

/// A database file in a folder of its own.
struct File(TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("games.db")
    }

    /// A connection past the store, as another process has it.
    fn other_process(&self) -> SqliteConnection {
        SqliteConnection::establish(self.path().to_str().unwrap()).unwrap()
    }
}

impl Tier for File {
    type Store = SqliteStore;

    async fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> SqliteStore {
        open(&self.path())
    }
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &OpenOptions { busy_timeout: Duration::from_millis(500), ..OpenOptions::default() })
        .unwrap()
}

every_claim!(File);

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let file = File::fresh().await;
    let store = file.open().await;
    let (id, epoch) = {
        let table = Table::set(&store, "g", 3).await;
        (table.id, table.epoch)
    };
    drop(store);

    let store = file.open().await;

    let table = Table { store: &store, id, epoch };
    assert_eq!(sequences(&table.log().await), [1, 2, 3]);
    assert_eq!(table.append(3, vec![event(4)]).await, Outcome::Done);
}

#[tokio::test]
async fn another_process_that_writes_makes_the_store_unavailable_for_a_while() {
    let file = File::fresh().await;
    let store = file.open().await;
    let table = Table::set(&store, "g", 0).await;
    let mut other = file.other_process();

    other.batch_execute("begin immediate").unwrap();
    let during = store.commit(vec![table.appending(0, vec![event(1)])]).await;
    let read = table.load(9).await;
    other.batch_execute("rollback").unwrap();

    assert!(matches!(during, Err(StoreError::Unavailable(_))), "{during:?}");
    assert_eq!(read.head(), Sequence::ZERO, "reading goes on");
    assert_eq!(table.append(0, vec![event(1)]).await, Outcome::Done);
}

#[tokio::test]
async fn a_hole_in_the_log_is_never_replayed() {
    let file = File::fresh().await;
    let store = file.open().await;
    let (table, whole) = (Table::set(&store, "g", 5).await, Table::set(&store, "whole", 5).await);
    file.other_process().batch_execute("delete from game_event where game_id = 'g' and sequence = 3").unwrap();

    let load = store.load(vec![table.id.clone()], 9).await;
    let page = store.events_after(table.id.clone(), Sequence::new(1), first(9)).await;

    assert!(matches!(load, Err(StoreError::Unavailable(_))), "{load:?}");
    assert!(matches!(page, Err(StoreError::Unavailable(_))), "{page:?}");
    assert_eq!(whole.load(9).await.tail().len(), 5);
}

#[tokio::test]
async fn a_write_that_contradicts_what_is_stored_harms_no_other() {
    let file = File::fresh().await;
    let store = file.open().await;
    let (damaged, whole) = (Table::set(&store, "damaged", 1).await, Table::set(&store, "whole", 1).await);
    let beyond_the_head = "insert into game_event (game_id, sequence, type, payload, created_at)
                           values ('damaged', 3, 'move', '{}', 0)";
    file.other_process().batch_execute(beyond_the_head).unwrap();

    let batch = vec![
        whole.appending(1, vec![event(2)]),
        damaged.appending(1, vec![event(2), event(3)]),
        whole.appending(2, vec![event(7)]),
        whole.appending(2, vec![event(3)]),
    ];
    let outcomes = store.commit(batch).await.unwrap();

    assert_eq!(outcomes, [Outcome::Done, Outcome::Stale, Outcome::Stale, Outcome::Done]);
    assert_eq!(sequences(&whole.log().await), [1, 2, 3]);
    assert_eq!(damaged.load(0).await.head(), Sequence::new(1));
}

#[tokio::test]
async fn a_schema_that_lacks_a_migration_is_reported() {
    let file = File::fresh().await;
    let options = OpenOptions { run_migrations: false, ..OpenOptions::default() };
    let store = SqliteStore::open(file.path(), &options).unwrap();
    let before = store.check().await.unwrap_err().to_string();

    let applied = migrate(file.path()).unwrap();

    assert!(before.contains(&applied[0]), "{before}");
    assert_eq!(store.check().await, Ok(()));
    assert_eq!(migrate(file.path()).unwrap(), Vec::<String>::new());
}

#[test]
fn migrations_go_down_and_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("games.db");
    let applied = migrate(&path).unwrap();

    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.revert_all_migrations(MIGRATIONS).unwrap();

    assert_eq!(migrate(&path).unwrap(), applied);
}

#[test]
fn processes_that_start_together_take_turns() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("games.db");
        thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| migrate(&path))).collect();
            let applied = starts.into_iter().map(|start| start.join().unwrap().unwrap());
            assert_eq!(applied.filter(|names| !names.is_empty()).count(), 1);
        });
    }
}

#[tokio::test]
async fn a_path_may_have_any_characters_and_its_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new folder/50%25 of?mode=ro#é.db");

    Table::set(&open(&path), "g", 1).await;

    assert!(path.exists());
}

#[test]
fn a_database_that_was_taken_away_is_not_replaced_by_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Database::at(&folder.path().join("games.db"), Duration::ZERO).unwrap();

    let opened = Connections::new(gone, Role::Write).lend(|_| Ok(()));

    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
}
