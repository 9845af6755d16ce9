//! What one shard's memory costs: keeping games resident, appending to a tail, copying what was missed, frames, tokens.
//!
//! Each question says what it is held against. Prints the ratios at the end. Takes about five minutes.

#![expect(clippy::cast_possible_wrap, reason = "the keys of a bench are small")]

mod ratios;

use std::{
    collections::{BTreeSet, HashMap},
    hint::black_box,
    sync::Arc,
    time::Duration,
};

use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, measurement::WallTime,
};
use rejoin::{
    client::{AccessClaims, mint_access_token},
    clock::Clock,
    domain::{
        Event, EventRef, EventType, GameId, Generation, Payload, ReplayTail, ResumeToken, Sequence, SessionId,
        Timestamp, TokenKeys, UserId, access::AccessKeys,
    },
    shard::residents::{Resident, Residents, Use},
    wire::{client_frame::ClientMessage, server_frame},
};
use serde_json::json;

use self::ratios::Ratios;

/// A move of a chess game, about as long as real ones are.
const MOVE: &str = r#"{"san":"Nxe6+","from":"d4","to":"e6","clock":{"white":171.4,"black":168.0}}"#;

/// Counts as a kilobyte, whatever it is.
#[derive(Clone)]
struct Kilobyte(#[expect(dead_code, reason = "is there to be moved about")] u64);

impl Resident for Kilobyte {
    fn accounted_bytes(&self) -> usize {
        1_024
    }

    fn shrink(&mut self) {}
}

fn event(number: u64) -> Arc<Event> {
    Arc::new(Event {
        sequence: Sequence::new(number),
        event_type: EventType::parse("move").expect("a type"),
        payload: Payload::from_json(MOVE).expect("a payload"),
        user_id: UserId::parse("white").ok(),
        client_ref: EventRef::parse("0b7e9c1d").ok(),
        created_at: Timestamp::from_millis(1_763_700_000_000),
    })
}

/// Does a look-up, an insert that evicts, or an expiry get dearer with the number of entries? And what do a map without
/// any of that and caches that others have made take for the same? `quick_cache` is the one for a single thread, as ours
/// is; `moka` is for many threads.
fn residents(criterion: &mut Criterion) {
    for entries in ENTRIES {
        get(criterion, entries);
        insert(criterion, entries);
        expire(criterion, entries);
    }
}

const ENTRIES: [usize; 3] = [10_000, 100_000, 1_000_000];

fn full(entries: usize) -> Residents<usize, Kilobyte> {
    let mut residents = Residents::new(entries * 1_024);
    for key in 0..entries {
        let inserted = residents.insert(key, Kilobyte(7), Use::Idle, Timestamp::from_millis(key as i64));
        inserted.expect("the budget has room for all");
    }
    residents
}

fn full_moka(entries: usize) -> moka::sync::Cache<usize, Kilobyte> {
    let cache = moka::sync::Cache::new(entries as u64);
    (0..entries).for_each(|key| cache.insert(key, Kilobyte(7)));
    cache.run_pending_tasks();
    cache
}

fn full_quick(entries: usize) -> quick_cache::unsync::Cache<usize, Kilobyte> {
    let mut cache = quick_cache::unsync::Cache::new(entries);
    (0..entries).for_each(|key| cache.insert(key, Kilobyte(7)));
    cache
}

fn get(criterion: &mut Criterion, entries: usize) {
    let mut group = quick(criterion, "get");
    // A step that visits all keys in an order no cache line foresees.
    let step = entries / 2 + 7_919;
    let mut key = 0;
    let mut next = || {
        key = (key + step) % entries;
        key
    };
    let mut residents = full(entries);
    group.bench_function(BenchmarkId::new("residents", entries), |bencher| {
        bencher.iter(|| black_box(residents.get_mut(&next()).is_some()));
    });
    drop(residents);
    let cache = full_moka(entries);
    group.bench_function(BenchmarkId::new("moka", entries), |bencher| {
        bencher.iter(|| black_box(cache.get(&next()).is_some()));
    });
    drop(cache);
    let cache = full_quick(entries);
    group.bench_function(BenchmarkId::new("quick_cache", entries), |bencher| {
        bencher.iter(|| black_box(cache.get(&next()).is_some()));
    });
    drop(cache);
    let map: HashMap<usize, Kilobyte> = (0..entries).map(|key| (key, Kilobyte(7))).collect();
    group.bench_function(BenchmarkId::new("hash_map", entries), |bencher| {
        bencher.iter(|| black_box(map.contains_key(&next())));
    });
}

fn insert(criterion: &mut Criterion, entries: usize) {
    let mut group = quick(criterion, "insert_evicting_one");
    let mut fresh = entries;
    let mut next = || {
        fresh += 1;
        fresh
    };
    let mut residents = full(entries);
    group.bench_function(BenchmarkId::new("residents", entries), |bencher| {
        bencher.iter(|| {
            let key = next();
            residents.insert(key, Kilobyte(7), Use::Idle, Timestamp::from_millis(key as i64)).expect("room is made");
        });
    });
    drop(residents);
    let cache = full_moka(entries);
    group.bench_function(BenchmarkId::new("moka", entries), |bencher| {
        bencher.iter(|| cache.insert(next(), Kilobyte(7)));
    });
    drop(cache);
    let mut cache = full_quick(entries);
    group.bench_function(BenchmarkId::new("quick_cache", entries), |bencher| {
        bencher.iter(|| cache.insert(next(), Kilobyte(7)));
    });
    drop(cache);
    // It knows of no order: somebody else says which one goes.
    let mut map: HashMap<usize, Kilobyte> = (0..entries).map(|key| (key, Kilobyte(7))).collect();
    let mut oldest = 0;
    group.bench_function(BenchmarkId::new("hash_map", entries), |bencher| {
        bencher.iter(|| {
            map.insert(oldest + entries, Kilobyte(7));
            map.remove(&oldest);
            oldest += 1;
        });
    });
}

/// One entry's time is over at each tick, and another one comes. Moka is left out here: it expires when it sees fit, partly
/// while others insert, so that what is left to time says nothing.
fn expire(criterion: &mut Criterion, entries: usize) {
    let mut group = quick(criterion, "expire_one");
    let mut residents = full(entries);
    let mut now = 0;
    group.bench_function(BenchmarkId::new("residents", entries), |bencher| {
        bencher.iter(|| {
            let key = residents.pop_due(Timestamp::from_millis(now as i64)).expect("one is due at each tick");
            residents.remove(&key);
            let later = now + entries;
            residents
                .insert(later, Kilobyte(7), Use::Idle, Timestamp::from_millis(later as i64))
                .expect("there is room for one");
            now += 1;
        });
    });
    drop(residents);
    let mut map: HashMap<usize, Kilobyte> = (0..entries).map(|key| (key, Kilobyte(7))).collect();
    let mut deadlines: BTreeSet<(usize, usize)> = (0..entries).map(|key| (key, key)).collect();
    group.bench_function(BenchmarkId::new("map_and_ordered_set", entries), |bencher| {
        bencher.iter(|| {
            let (tick, key) = deadlines.pop_first().expect("one is due at each tick");
            map.remove(&key);
            map.insert(tick + entries, Kilobyte(7));
            deadlines.insert((tick + entries, tick + entries));
        });
    });
}

/// A group whose many members do not take long.
fn quick<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
    group
}

/// What does one more event cost a game, and what does a client that missed fifty?
fn tail(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay_tail");
    let events: Vec<Arc<Event>> = (1..=10_000).map(event).collect();
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("append_10000_keeping_50", |bencher| {
        bencher.iter_batched(
            || ReplayTail::new(Sequence::ZERO, 50),
            |mut tail| {
                events.iter().for_each(|event| tail.append(Arc::clone(event)));
                tail
            },
            BatchSize::SmallInput,
        );
    });
    let mut tail = ReplayTail::new(Sequence::ZERO, 50);
    events.iter().for_each(|event| tail.append(Arc::clone(event)));
    group.throughput(Throughput::Elements(50));
    group.bench_function("copy_50_missed", |bencher| {
        bencher.iter(|| {
            let missed = tail.after(black_box(Sequence::new(9_950))).expect("the tail reaches back");
            missed.collect::<Vec<_>>()
        });
    });
    // Where every client had a copy of its own, as if events were not shared.
    group.bench_function("copy_50_missed_deeply", |bencher| {
        bencher.iter(|| {
            let missed = tail.after(black_box(Sequence::new(9_950))).expect("the tail reaches back");
            missed.map(|event| Event::clone(&event)).collect::<Vec<_>>()
        });
    });
    group.finish();
}

/// What does it cost to read a move and to write the frame that everyone gets? Held against a tree of JSON values, which
/// would also lose the bytes of the payload.
fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    let game = GameId::parse("bench-1").expect("an id");
    let text = format!(r#"{{"type":"move","payload":{MOVE},"ref":"0b7e9c1d"}}"#);
    let event = event(7);
    group.bench_function("read_a_move", |bencher| {
        bencher.iter(|| ClientMessage::read(black_box(&text), 65_536).expect("a move"));
    });
    group.bench_function("read_a_move_as_a_tree", |bencher| {
        bencher.iter(|| serde_json::from_str::<serde_json::Value>(black_box(&text)).expect("JSON"));
    });
    group.bench_function("write_a_live_event", |bencher| bencher.iter(|| server_frame::live(&game, black_box(&event))));
    group.bench_function("write_a_live_event_as_a_tree", |bencher| {
        bencher.iter(|| {
            let event = black_box(&event);
            let payload: serde_json::Value = serde_json::from_str(event.payload.as_str()).expect("JSON");
            let user = event.user_id.as_ref().map(UserId::as_str);
            let body = json!({
                "gameId": game.as_str(), "userId": user, "sequence": event.sequence.number(), "move": payload,
                "ref": event.client_ref.as_ref().map(EventRef::as_str), "createdAt": event.created_at.as_millis(),
            });
            json!({ "type": "GAME_MOVE", "payload": body, "timestamp": "2026-11-21T13:40:15.123Z", "senderId": user })
                .to_string()
        });
    });
    let now = Timestamp::from_millis(1_763_700_000_000);
    group.bench_function("write_a_replayed_event", |bencher| {
        bencher.iter(|| server_frame::replay(&game, black_box(&event), now));
    });
    group.finish();
}

/// What does a token cost at the door? A resume token is ours; an access token is a JWT of the game's backend.
fn tokens(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tokens");
    let secret = "a secret of the benches, which is long enough";
    let keys = TokenKeys::new([secret]);
    let seat = ResumeToken {
        session_id: SessionId::generate(),
        generation: Generation::new(3),
        game_id: GameId::parse("bench-1").expect("an id"),
        user_id: UserId::parse("white").expect("an id"),
    };
    let text = keys.sign(&seat);
    let claims = AccessClaims {
        user_id: "white".to_owned(),
        games: Some(vec!["bench-1".to_owned()]),
        role: None,
        lifetime: Duration::from_secs(3_600),
    };
    let access = mint_access_token(&claims, secret).expect("a token");
    let (access_keys, now) = (AccessKeys::new([secret]), Clock::system().now());
    group.bench_function("open_a_resume_token", |bencher| {
        bencher.iter(|| keys.open(black_box(&text)).expect("it is ours"));
    });
    group.bench_function("sign_a_resume_token", |bencher| bencher.iter(|| keys.sign(black_box(&seat))));
    group.bench_function("verify_an_access_token", |bencher| {
        bencher.iter(|| access_keys.verify(black_box(&access), now).expect("it is good"));
    });
    group.finish();
}

criterion_group!(benches, residents, tail, frames, tokens);

fn main() {
    let ratios = Ratios::begin();
    benches();
    Criterion::default().configure_from_args().final_summary();
    ratios.tell("get", "residents", &["moka", "quick_cache", "hash_map"]);
    ratios.tell("insert_evicting_one", "residents", &["moka", "quick_cache", "hash_map"]);
    ratios.tell("expire_one", "residents", &["map_and_ordered_set"]);
    ratios.tell("replay_tail", "copy_50_missed", &["copy_50_missed_deeply"]);
    ratios.tell("frames", "read_a_move", &["read_a_move_as_a_tree"]);
    ratios.tell("frames", "write_a_live_event", &["write_a_live_event_as_a_tree", "write_a_replayed_event"]);
    ratios.tell("tokens", "open_a_resume_token", &["verify_an_access_token"]);
}
