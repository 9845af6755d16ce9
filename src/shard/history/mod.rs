//! Random histories of one game against a naive model: whatever order things happen in, every client sees every event
//! once, in order, and none that is not durable; and the same clocks as everyone else, which lose just the time that
//! passed.
//!
//! The shard runs without threads: the test takes its writes and reads out by hand, and so decides what is answered
//! when, and how.

mod players;
mod rig;
mod stored;

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use crate::domain::{ClockAction, OnDisconnect, Pace, Preset, TimeControl};
use rig::{Fate, News, Rig};

/// One step of a history. Numbers pick a user, or how far.
#[derive(Debug, Clone)]
enum Step {
    /// Comes by access token, or by the token it holds, saying its position or not.
    Join {
        user: usize,
        with_token: bool,
        says_position: bool,
    },
    /// Comes with a token that opens nothing here.
    Intrude {
        user: usize,
    },
    /// Loses its connection; perhaps before it has read what was sent.
    Drop {
        user: usize,
        unread: bool,
    },
    /// Sends a move, perhaps the last one again.
    Move {
        user: usize,
        again: bool,
    },
    /// A backend posts several at once.
    Post {
        count: usize,
    },
    Acknowledge {
        user: usize,
        back: u64,
    },
    /// The next write of the journal meets its fate.
    Write(Fate),
    /// The next read is made, and its answer is on its way.
    Look {
        fails: bool,
    },
    /// What was read longest ago arrives.
    Hear,
    /// Another node records an event.
    Elsewhere,
    /// This node hears of other nodes, whether anything is new or not.
    Learn(News),
    Evict,
    /// Here, or at another node.
    Revoke {
        user: usize,
        here: bool,
    },
    Wait {
        millis: u64,
    },
    /// A backend starts or stops the clocks, here or on another node.
    Clock {
        action: ClockAction,
        elsewhere: bool,
    },
}

/// The time control of the game, where it has one: short or long, and what becomes of a clock without its player.
fn control() -> impl Strategy<Value = Option<TimeControl>> {
    let total = prop_oneof![Just(Duration::from_secs(20)), Just(Duration::from_hours(24))];
    let on_disconnect = prop_oneof![Just(OnDisconnect::Run), Just(OnDisconnect::Pause)];
    let control = (total, on_disconnect).prop_map(|(total, on_disconnect)| {
        let pace = Pace { total, increment: Duration::ZERO, delay: Duration::ZERO };
        let control = TimeControl::new(Preset::Custom, pace).unwrap();
        control.without_player(on_disconnect, Duration::from_secs(4)).unwrap()
    });
    proptest::option::of(control)
}

fn step() -> impl Strategy<Value = Step> {
    let user = 0..3_usize;
    let fate = prop_oneof![
        12 => Just(Fate::Lands),
        1 => Just(Fate::Fails),
        1 => Just(Fate::LandsUnknown),
        1 => Just(Fate::FailsUnknown),
    ];
    prop_oneof![
        6 => (user.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(user, with_token, says_position)| Step::Join { user, with_token, says_position }),
        1 => user.clone().prop_map(|user| Step::Intrude { user }),
        3 => (user.clone(), any::<bool>()).prop_map(|(user, unread)| Step::Drop { user, unread }),
        10 => (user.clone(), prop::bool::weighted(0.2)).prop_map(|(user, again)| Step::Move { user, again }),
        1 => (1..5_usize).prop_map(|count| Step::Post { count }),
        6 => (user.clone(), 0..3_u64).prop_map(|(user, back)| Step::Acknowledge { user, back }),
        20 => fate.prop_map(Step::Write),
        8 => prop::bool::weighted(0.1).prop_map(|fails| Step::Look { fails }),
        12 => Just(Step::Hear),
        2 => Just(Step::Elsewhere),
        3 => prop_oneof![Just(News::Recorded), Just(News::Altered), Just(News::Stand)].prop_map(Step::Learn),
        2 => Just(Step::Evict),
        1 => (user, any::<bool>()).prop_map(|(user, here)| Step::Revoke { user, here }),
        4 => prop_oneof![Just(60), Just(300), Just(5_000), Just(70_000)].prop_map(|millis| Step::Wait { millis }),
        1 => (prop_oneof![Just(ClockAction::Run), Just(ClockAction::Pause)], any::<bool>())
            .prop_map(|(action, elsewhere)| Step::Clock { action, elsewhere }),
    ]
}

fn play(rig: &mut Rig, step: &Step) {
    match step {
        Step::Join { user, with_token, says_position } => rig.join(*user, *with_token, *says_position),
        Step::Intrude { user } => rig.intrude(*user),
        Step::Drop { user, unread } => rig.drop_connection(*user, *unread),
        Step::Move { user, again } => rig.send_move(*user, *again),
        Step::Post { count } => rig.post(*count),
        Step::Acknowledge { user, back } => rig.acknowledge(*user, *back),
        Step::Write(fate) => rig.write(*fate),
        Step::Look { fails } => rig.look(*fails),
        Step::Hear => rig.hear(),
        Step::Elsewhere => rig.record_elsewhere(),
        Step::Evict => rig.evict(),
        Step::Learn(news) => rig.learn(*news),
        Step::Revoke { user, here } => rig.revoke(*user, *here),
        Step::Wait { millis } => rig.wait(*millis),
        Step::Clock { action, elsewhere } => rig.order(*action, *elsewhere),
    }
    rig.hold_to_the_claims();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_client_sees_every_event_once_in_order(control in control(), steps in vec(step(), 1..150)) {
        let mut rig = Rig::start(control);
        steps.iter().for_each(|step| play(&mut rig, step));
        rig.bring_everyone_home();
    }
}
