//! The suite of claims, and what is Postgres' alone.

use std::{sync::Arc, thread, time::Duration};

use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
use diesel_migrations::MigrationHarness;
use futures_util::future::join;
use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::{
    OpenOptions, PostgresStore,
    migrate::{MIGRATIONS, migrate, on_own_runtime},
    removal::CLEANING,
    server::{Server, dial},
};
use crate::{
    domain::{Game, GameClock, Sequence},
    store::{
        Cleaned, ClockChange, DurableStore, Outcome, Retention, Revocation, SeatMark, Served, StoreError, Write,
        conformance::{
            Tier,
            clocks::{control, players},
            every_claim,
            table::{NONE, NOW, Table, event, first, game_id, referred, seat, sequences, user},
        },
    },
};

/// A database of the server that these tests share.
struct Database(String);

impl Database {
    fn url(&self) -> String {
        Server::shared().url_of(&self.0)
    }

    async fn run_sql(&self, statement: &'static str) {
        let name = self.0.clone();
        spawn_blocking(move || Server::shared().run_sql(&name, statement)).await.unwrap();
    }
}

impl Tier for Database {
    type Store = PostgresStore;

    async fn fresh() -> Self {
        Self(spawn_blocking(|| Server::shared().make_database()).await.unwrap())
    }

    async fn open(&self) -> PostgresStore {
        open(&self.url())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        Server::shared().drop_database(&self.0);
    }
}

fn open(url: &str) -> PostgresStore {
    // The databases here have the schema, so nothing blocks.
    let options = OpenOptions { run_migrations: false, deadline: Duration::from_secs(5), ..OpenOptions::default() };
    PostgresStore::open(url, &options, &Handle::current()).unwrap()
}

every_claim!(Database);

#[tokio::test]
async fn a_hole_in_the_log_is_never_replayed() {
    let database = Database::fresh().await;
    let store = database.open().await;
    let (table, whole) = (Table::set(&store, "g", 5).await, Table::set(&store, "whole", 5).await);
    database.run_sql("delete from game_event where game_id = 'g' and sequence = 3").await;

    let load = store.load(vec![table.id.clone()], 9).await;
    let page = store.events_after(table.id.clone(), Sequence::new(1), first(9)).await;

    assert!(matches!(load, Err(StoreError::Unavailable(_))), "{load:?}");
    assert!(matches!(page, Err(StoreError::Unavailable(_))), "{page:?}");
    assert_eq!(whole.load(9).await.tail().len(), 5);
}

#[tokio::test]
async fn a_write_that_contradicts_what_is_stored_harms_no_other() {
    let database = Database::fresh().await;
    let store = database.open().await;
    let (damaged, whole) = (Table::set(&store, "damaged", 1).await, Table::set(&store, "whole", 1).await);
    let beyond_the_head = "insert into game_event (game_id, sequence, type, payload, created_at)
                           values ('damaged', 3, 'move', '{}', 0)";
    database.run_sql(beyond_the_head).await;

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
async fn a_game_locked_by_others_is_unavailable_and_its_connection_serves_on() {
    let database = Database::fresh().await;
    let options = OpenOptions { run_migrations: false, pool_max: 1, pool_min: 0, deadline: Duration::from_secs(1) };
    let store = PostgresStore::open(&database.url(), &options, &Handle::current()).unwrap();
    let table = Table::set(&store, "g", 0).await;
    let mut other = dial(&database.url()).await;

    other.batch_execute("begin; select from game for update").await.unwrap();
    let during = store.commit(vec![table.appending(0, vec![event(1)])]).await;
    other.batch_execute("rollback").await.unwrap();

    assert!(matches!(during, Err(StoreError::Unavailable(_))), "{during:?}");
    assert_eq!(table.append(0, vec![event(1)]).await, Outcome::Done);
}

#[tokio::test]
async fn a_repeat_whose_original_is_pruned_at_that_moment_is_known() {
    let database = Database::fresh().await;
    let (store, mut other) = (database.open().await, dial(&database.url()).await);
    let table = Table::set(&store, "g", 0).await;
    table.append(0, vec![referred(1, Some("ann"), "r")]).await;

    let prune = "begin; update game set floor = 1; delete from game_event;
                 insert into game_receipt values ('g', 'ann', 'r', 1, 'move', 0)";
    other.batch_execute(prune).await.unwrap();
    let repeat = store.commit(vec![table.appending(1, vec![referred(2, Some("ann"), "r")])]);
    let finish_once_it_waits = async {
        let somebody_waits = "do $$ begin
            for turn in 1..400 loop
                exit when exists (
                    select from pg_locks waiting join pg_locks held using (pid) join pg_database on held.database = oid
                    where not waiting.granted and datname = current_database()
                );
                assert turn < 400, 'nobody waits';
                perform pg_sleep(0.01);
            end loop;
        end $$";
        other.batch_execute(somebody_waits).await.unwrap();
        other.batch_execute("commit").await.unwrap();
    };
    let (outcomes, ()) = join(repeat, finish_once_it_waits).await;

    assert!(matches!(outcomes.unwrap().as_slice(), [Outcome::Repeated(_)]));
    assert_eq!(sequences(&table.log().await), NONE);
}

#[tokio::test]
async fn a_commit_that_breaks_off_is_unknown_and_what_breaks_off_before_is_not() {
    let database = Database::fresh().await;
    let store = database.open().await;
    let table = Table::set(&store, "g", 0).await;
    // A statement by itself is its own commit; one of several is not.
    database
        .run_sql(
            "create function hang_up() returns trigger language plpgsql as $$
                 begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
             create trigger hang_up after update on game for each statement execute function hang_up()",
        )
        .await;

    let alone = store.commit(vec![table.appending(0, vec![event(1)])]).await;
    let together = store.commit(vec![table.appending(0, vec![event(1)]), table.summing_up(0, "{}")]).await;

    assert!(matches!(alone, Err(StoreError::Unknown(_))), "{alone:?}");
    assert!(matches!(together, Err(StoreError::Unavailable(_))), "{together:?}");
    assert_eq!(table.load(0).await.head(), Sequence::ZERO);
}

#[tokio::test]
async fn only_one_node_cleans_at_a_time() {
    let database = Database::fresh().await;
    let store = database.open().await;
    let table = Table::set(&store, "g", 1).await;
    let mut other = dial(&database.url()).await;
    let now = NOW.plus(Duration::from_hours(24));
    let keep = Retention { absent_after: Duration::from_hours(1), untouched_for: Duration::from_hours(1) };

    other.batch_execute(&format!("begin; select pg_advisory_xact_lock({CLEANING})")).await.unwrap();
    let during = store.clean_up(keep, now).await.unwrap();
    other.batch_execute("commit").await.unwrap();

    assert_eq!(during, Cleaned::default());
    assert_eq!(store.clean_up(keep, now).await.unwrap().games, [table.id]);
}

#[tokio::test]
async fn a_batch_looks_at_its_own_rows_only_even_where_the_planner_thinks_there_are_few() {
    let database = Database::fresh().await;
    let store = database.open().await;
    let others: Vec<_> = (0..3_000).map(|number| Game::new(game_id(&format!("o{number}")), NOW, 0)).collect();
    let making = |game: &Game| Write::CreateGame(Box::new(game.clone()));
    store.commit(others.iter().map(making).collect()).await.unwrap();
    database.run_sql("delete from game; analyze game, game_session, game_event, game_receipt").await;
    store.commit(others.iter().map(making).collect()).await.unwrap();
    let mut tables = Vec::new();
    for number in 0..50 {
        tables.push(Table::set(&store, &format!("g{number}"), 0).await);
    }
    let seats: Vec<_> = (0..50).map(|_| seat("ann")).collect();
    database.run_sql("select pg_stat_force_next_flush(); select pg_stat_reset()").await;

    let each = |write: &dyn Fn(usize) -> Write| (0..50).map(write).collect::<Vec<_>>();
    let appends = each(&|n| tables[n].appending(0, vec![referred(1, Some("ann"), "r")]));
    let mut outcomes = store.commit(appends).await.unwrap();
    outcomes.extend(store.commit(each(&|n| tables[n].summing_up(1, "{}"))).await.unwrap());
    outcomes.extend(store.commit(each(&|n| tables[n].seating(0, &seats[n]))).await.unwrap());
    let floors = tables.iter().map(|table| table.floor(1, 1)).collect();
    let marks = tables.iter().zip(&seats).map(|(table, seat)| SeatMark::of(&table.id, seat)).collect();
    let served = |table: &Table<'_, _>| {
        let (game_id, epoch) = (table.id.clone(), table.epoch);
        Served { game_id, epoch, clock_version: 0, until: NOW }
    };
    let clocks = tables.iter().map(served).collect();
    outcomes.extend(store.commit(vec![Write::Marks { seats: marks, floors, clocks }]).await.unwrap());
    let timing = GameClock::new(control(1), &players()).unwrap();
    let timing = |table: &Table<'_, _>| {
        let (game_id, epoch, clock) = (table.id.clone(), table.epoch, timing.clone());
        Write::PutClock(Box::new(ClockChange { game_id, epoch, expected_clock: 0, clock, at: NOW }))
    };
    outcomes.extend(store.commit(tables.iter().map(timing).collect()).await.unwrap());
    let recall = |table: &Table<'_, _>| {
        let events = vec![Arc::new(referred(1, Some("ann"), "s"))];
        Write::Recall { game_id: table.id.clone(), events }
    };
    outcomes.extend(store.commit(tables.iter().map(recall).collect()).await.unwrap());
    assert_eq!(store.revoke(Revocation::User(user("ann")), NOW).await.unwrap().len(), 50);
    let games = || tables.iter().map(|table| table.id.clone()).collect();
    assert_eq!(store.load(games(), 9).await.unwrap().len(), 50);
    assert_eq!(store.stands(games()).await.unwrap().len(), 50);
    assert_eq!(store.revoked_since(NOW).await.unwrap().len(), 50);

    assert_eq!(outcomes, vec![Outcome::Done; 251]);
    drop(store);
    // The connections tell what they have read when they end.
    sleep(Duration::from_millis(500)).await;
    database
        .run_sql(
            "do $$ declare seen bigint; most text; begin
                 select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)),
                     string_agg(format('%s %s+%s', relname, seq_tup_read, idx_tup_fetch), ', ')
                     filter (where seq_tup_read + coalesce(idx_tup_fetch, 0) > 99)
                 into seen, most from pg_stat_user_tables;
                 assert seen < 3000, most;
             end $$",
        )
        .await;
}

#[test]
fn migrations_go_down_and_up_again() {
    let server = Server::shared();
    let name = server.make_empty_database();
    let url = server.url_of(&name);
    let applied = migrate(&url).unwrap();

    on_own_runtime(async { AsyncMigrationHarness::new(dial(&url).await).revert_all_migrations(MIGRATIONS).map(drop) })
        .unwrap();

    assert_eq!(migrate(&url).unwrap(), applied);
    server.drop_database(&name);
}

#[test]
fn nodes_that_start_together_take_turns() {
    let server = Server::shared();
    let name = server.make_empty_database();
    let url = server.url_of(&name);

    let applied: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| migrate(&url))).collect();
        starts.into_iter().map(|start| start.join().unwrap().unwrap()).collect()
    });

    assert_eq!(applied.iter().filter(|names| !names.is_empty()).count(), 1);
    server.drop_database(&name);
}

#[tokio::test]
async fn a_schema_that_lacks_a_migration_is_reported() {
    let name = spawn_blocking(|| Server::shared().make_empty_database()).await.unwrap();
    let database = Database(name);
    let store = database.open().await;
    let before = store.check().await.unwrap_err().to_string();

    let url = database.url();
    let applied = spawn_blocking(move || migrate(&url)).await.unwrap().unwrap();

    assert!(before.contains(&applied[0]), "{before}");
    assert_eq!(store.check().await, Ok(()));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_soon() {
    let options = OpenOptions { run_migrations: false, ..OpenOptions::default() };
    let store = PostgresStore::open("postgres://rejoin@127.0.0.1:1/games", &options, &Handle::current()).unwrap();
    let began = Instant::now();

    let check = store.check().await;

    assert!(matches!(check, Err(StoreError::Unavailable(_))), "{check:?}");
    assert!(began.elapsed() < Duration::from_secs(1));
}
