//! Clients that take too little, or send too much: they cost little, and others go on.

use std::time::Duration;

use rejoin::client::{Dial, Ending, Incoming, Outgoing};
use tokio::time::Instant;

use crate::support::{ANY_RATE, Flood, Peak, Player, SOON, Server, closed, until};

/// How long a connection may stay once its queue is full.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

/// Clients that do not read, at once: with one, the allocator's habit of taking pages by the megabyte would hide the cost.
const SLOW_READERS: u32 = 16;

/// What each of them may cost at most. Its queue holds 512 KiB, a page of a replay 64 KiB, the actor's turn 64 KiB, the
/// HTTP layer's buffer 32 KiB; what the kernel holds is not the process's.
const SLOW_READER_KIB: u64 = 1_024;

/// What the server may take besides, whoever reads: the game's last 50 events, the store's caches and its log.
const AT_WORK_KIB: u64 = 4 * 1_024;

/// What the store's three reading connections keep of the log they read, 4 MiB each.
const READ_CACHES_KIB: u64 = 3 * 4 * 1_024;

/// What a flood may cost at most: the mailbox of the shard (1,000 commands) and one read of the socket, many times over;
/// and a hundredth of what was sent.
const FLOOD_KIB: u64 = 32 * 1_024;

fn large_move() -> Outgoing {
    Outgoing::event("move", format!(r#"{{"a":"{}"}}"#, "x".repeat(8 * 1_024)))
}

/// Has so many large moves recorded, one after the other.
async fn play_large(player: &mut Player, count: usize) {
    for _ in 0..count {
        player.link.send(&large_move()).await.unwrap();
        player.event().await;
    }
}

#[tokio::test]
async fn clients_that_never_read_are_closed_and_cost_little() {
    let server = Server::with(&ANY_RATE).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    play_large(&mut ann, 200).await;
    ann.acknowledge(200).await;
    let (mut peak, sockets) = (Peak::from_now(&server), server.open_sockets());
    let mut slow = Vec::new();
    for number in 0..SLOW_READERS {
        let dial = server.dial("g", &format!("slow-{number}")).after(200, &ann.welcome.epoch);
        slow.push(Player::enter(&dial).await);
    }

    let mut full = 0;
    let mut sent = 0;
    while full < SLOW_READERS {
        assert!(sent < 5_000, "the server keeps {} MiB for a client that does not read", sent * 8 / 1_024);
        ann.link.send(&large_move()).await.unwrap();
        sent += 1;
        peak.look(&server);
        loop {
            match ann.next().await {
                Incoming::Live(_) => break,
                Incoming::Presence { online, .. } => full += u32::from(!online),
                other => panic!("instead of the move came {other:?}"),
            }
        }
    }
    let took = until("the sockets to be ended", CLOSED_WITHIN, || {
        peak.look(&server);
        server.open_sockets() <= sockets
    })
    .await;

    let growth = peak.growth_kib();
    println!("ended {took:?} after their queues were full, with {sent} events of 8 KiB; {growth} KiB more at most");
    assert!(growth < AT_WORK_KIB + SLOW_READER_KIB * u64::from(SLOW_READERS), "{growth} KiB");
    let ending = slow[0].ending().await;
    assert!(matches!(ending, Ending::Closed { code: 4002, .. } | Ending::Lost { .. }), "{ending}");
}

#[tokio::test]
async fn a_slow_client_that_reads_again_is_told_why_it_was_closed_and_resumes() {
    let server = Server::with(&[ANY_RATE[0], ANY_RATE[1], ("WS_SEND_QUEUE", "16")]).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut bob = Player::enter(&server.dial("g", "bob")).await;
    assert_eq!(ann.presence().await, ("bob".to_owned(), true));
    let head = loop {
        ann.link.send(&large_move()).await.unwrap();
        match ann.next().await {
            Incoming::Live(_) => {}
            // The event is on its way.
            Incoming::Presence { .. } => break ann.event().await.sequence,
            other => panic!("instead of the move came {other:?}"),
        }
    };

    let mut seen = Vec::new();
    let ending = loop {
        match bob.link.next(SOON).await {
            Ok(Incoming::Live(event)) => seen.push(event.sequence),
            Ok(other) => panic!("instead of an event came {other:?}"),
            Err(rejoin::client::ClientError::Ended(ending)) => break ending,
            Err(error) => panic!("{error}"),
        }
    };
    let last = *seen.last().unwrap();
    let dial = Dial::new(server.url(), "g").with_resume_token(bob.token()).after(last, &bob.welcome.epoch);
    let mut back = Player::enter(&dial).await;
    seen.extend(back.sequences(head - last).await);

    assert_eq!(ending, closed(4002, "Slow consumer"));
    assert!(back.welcome.recovered);
    assert_eq!(seen, (1..=head).collect::<Vec<_>>());
}

#[tokio::test]
async fn clients_that_never_read_their_replay_are_closed_and_cost_little() {
    let settings = [ANY_RATE[0], ANY_RATE[1], ("HEARTBEAT_INTERVAL_MS", "500"), ("HEARTBEAT_MISSES", "3")];
    let server = Server::with(&settings).await;
    let sockets = server.open_sockets();
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    play_large(&mut ann, 2_000).await;
    ann.link.close().await;
    until("ann's socket to be ended", SOON, || server.open_sockets() <= sockets).await;
    let mut peak = Peak::from_now(&server);

    let mut slow = Vec::new();
    for number in 0..SLOW_READERS {
        slow.push(Player::enter(&server.dial("g", &format!("slow-{number}"))).await);
        peak.look(&server);
    }
    // Three heartbeats without a sign of life, and the time to be ended.
    until("the sockets to be ended", CLOSED_WITHIN + Duration::from_millis(1_500), || {
        peak.look(&server);
        server.open_sockets() <= sockets
    })
    .await;

    let growth = peak.growth_kib();
    println!("of 16 MiB for each nothing was read; {growth} KiB more at most");
    assert!(slow.iter().all(|slow| slow.welcome.replay_count == 2_000));
    assert!(growth < AT_WORK_KIB + READ_CACHES_KIB + SLOW_READER_KIB * u64::from(SLOW_READERS), "{growth} KiB");
}

#[tokio::test]
async fn a_flood_of_acknowledgements_is_closed_and_costs_little() {
    let server = Server::start().await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    let mut peak = Peak::from_now(&server);
    let mut flood = Flood::enter(&server, "g", "bob", r#"{"type":"ack","payload":{"sequence":0}}"#);

    let began = Instant::now();
    while flood.pour() {
        peak.look(&server);
        assert!(began.elapsed() < CLOSED_WITHIN, "{} frames, and it goes on", flood.frames);
    }

    assert!(peak.growth_kib() < FLOOD_KIB, "{} KiB", peak.growth_kib());
    assert_eq!(ann.play("m1").await.sequence, 1);
}

#[tokio::test]
async fn a_flood_within_the_rate_costs_little_and_others_go_on() {
    let settings = [ANY_RATE[0], ANY_RATE[1], ("LOG_LEVEL", "error")];
    let server = Server::with(&settings).await;
    let mut ann = Player::enter(&server.dial("g", "ann")).await;
    ann.play("m1").await;
    let mut peak = Peak::from_now(&server);
    let mut flood = Flood::enter(&server, "g", "bob", r#"{"type":"ack","payload":{"sequence":0}}"#);

    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) && flood.frames < 500_000 {
        assert!(flood.pour(), "the flood was ended after {} frames", flood.frames);
        peak.look(&server);
    }
    let asked_at = Instant::now();
    ann.play_when_there_is_room("m2").await;

    println!(
        "{} frames cost {} KiB, a move beside them took {:?}",
        flood.frames,
        peak.growth_kib(),
        asked_at.elapsed()
    );
    assert!(flood.frames >= 10_000, "{} frames are no flood", flood.frames);
    assert!(peak.growth_kib() < FLOOD_KIB, "{} KiB", peak.growth_kib());
}

#[tokio::test]
async fn a_flood_of_questions_whose_answers_are_not_read_is_closed_and_costs_little() {
    let settings = [ANY_RATE[0], ANY_RATE[1], ("HEARTBEAT_INTERVAL_MS", "500"), ("HEARTBEAT_MISSES", "3")];
    let server = Server::with(&settings).await;
    let mut peak = Peak::from_now(&server);
    let mut flood = Flood::enter(&server, "g", "bob", r#"{"type":"ping","payload":{}}"#);

    let began = Instant::now();
    while flood.pour() {
        peak.look(&server);
        assert!(began.elapsed() < Duration::from_secs(15), "{} frames, and it goes on", flood.frames);
    }

    println!("closed after {} frames and {:?}, {} KiB more", flood.frames, began.elapsed(), peak.growth_kib());
    assert!(peak.growth_kib() < FLOOD_KIB, "{} KiB", peak.growth_kib());
}
