//! What one shard's memory costs: keeping games resident, appending to a tail, copying what was missed, writing frames.

#![expect(clippy::cast_possible_wrap, reason = "the keys of a bench are small")]

use std::{hint::black_box, sync::Arc};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rejoin::{
    domain::{Event, EventRef, EventType, GameId, Payload, ReplayTail, Sequence, Timestamp, UserId},
    shard::residents::{Resident, Residents, Use},
    wire::{client_frame::ClientMessage, server_frame},
};

/// A move of a chess game, about as long as real ones are.
const MOVE: &str = r#"{"san":"Nxe6+","from":"d4","to":"e6","clock":{"white":171.4,"black":168.0}}"#;

struct Kilobyte;

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

/// Does a look-up, or an insert that evicts, get dearer with the number of entries?
fn residents(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("residents");
    for entries in [10_000_usize, 100_000, 1_000_000] {
        let mut residents = Residents::new(entries * 1_024);
        for key in 0..entries {
            let inserted = residents.insert(key, Kilobyte, Use::Idle, Timestamp::from_millis(key as i64));
            inserted.expect("the budget has room for all");
        }
        // A step that visits all keys in an order no cache line foresees.
        let mut key = 0;
        let step = entries / 2 + 7_919;
        group.bench_function(BenchmarkId::new("get", entries), |bencher| {
            bencher.iter(|| {
                key = (key + step) % entries;
                black_box(residents.get_mut(&key).is_some())
            });
        });
        let mut fresh = entries;
        group.bench_function(BenchmarkId::new("insert_evicting_one", entries), |bencher| {
            bencher.iter(|| {
                fresh += 1;
                residents
                    .insert(fresh, Kilobyte, Use::Idle, Timestamp::from_millis(fresh as i64))
                    .expect("room is made");
            });
        });
    }
    group.finish();
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
            missed.cloned().collect::<Vec<_>>()
        });
    });
    group.finish();
}

/// What does it cost to read a move and to write the frame that everyone gets?
fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frames");
    let game = GameId::parse("bench-1").expect("an id");
    let text = format!(r#"{{"type":"move","payload":{MOVE},"ref":"0b7e9c1d"}}"#);
    let event = event(7);
    group.bench_function("read_a_move", |bencher| {
        bencher.iter(|| ClientMessage::read(black_box(&text), 65_536).expect("a move"));
    });
    group.bench_function("write_a_live_event", |bencher| bencher.iter(|| server_frame::live(&game, black_box(&event))));
    group.finish();
}

criterion_group!(benches, residents, tail, frames);
criterion_main!(benches);
