//! The clocks against a naive model that counts every single millisecond, and the odd cases one by one.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::domain::{Pace, Preset, time_control::MAX_SPAN};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn control(total: u64, increment: u64, delay: u64) -> TimeControl {
    let pace = Pace { total: ms(total), increment: ms(increment), delay: ms(delay) };
    TimeControl::new(Preset::Custom, pace).unwrap()
}

fn clock(total: u64, increment: u64, delay: u64) -> GameClock {
    GameClock::new(control(total, increment, delay), &["ann", "bob"].map(user)).unwrap()
}

fn at(millis: u64) -> Timestamp {
    NOW.plus(ms(millis))
}

fn left(clock: &GameClock, now: u64) -> Vec<u64> {
    let timer = clock.timer(at(now));
    timer.remaining.iter().map(|(_, left)| u64::try_from(left.as_millis()).unwrap()).collect()
}

fn end_turn(clock: &mut GameClock, name: &str, now: u64) -> Result<(), Rejection> {
    clock.end_turn(Some(&user(name)), None, at(now))
}

#[test]
fn the_first_turn_to_end_starts_the_clocks() {
    let mut clock = clock(60_000, 0, 0);
    assert_eq!((clock.timer(at(9_000)).active, clock.timer(at(9_000)).paused), (Some(user("ann")), true));
    assert_eq!(end_turn(&mut clock, "bob", 9_000), Err(Rejection::NotYourTurn));

    end_turn(&mut clock, "ann", 9_000).unwrap();

    assert_eq!(left(&clock, 12_500), [60_000, 56_500]);
    assert!(!clock.timer(at(12_500)).paused);
}

#[test]
fn a_turn_costs_its_time_less_the_delay_and_brings_the_increment() {
    let mut clock = clock(60_000, 2_000, 1_500);
    clock.run(at(0)).unwrap();

    end_turn(&mut clock, "ann", 1_000).unwrap();
    end_turn(&mut clock, "bob", 6_000).unwrap();

    assert_eq!(left(&clock, 6_000), [62_000, 58_500]);
}

#[test]
fn a_pause_within_a_turn_does_not_renew_its_delay() {
    let mut clock = clock(60_000, 0, 1_500);
    clock.run(at(0)).unwrap();

    assert_eq!(clock.pause(at(1_000)), Changed::Yes);
    assert_eq!(left(&clock, 99_000), [60_000, 60_000]);
    clock.run(at(99_000)).unwrap();

    assert_eq!(left(&clock, 100_000), [59_500, 60_000]);
}

#[test]
fn the_clock_passes_to_whoever_is_named() {
    let mut clock = GameClock::new(control(60_000, 0, 0), &["ann", "bob", "cat"].map(user)).unwrap();

    clock.end_turn(Some(&user("ann")), Some(&user("cat")), at(0)).unwrap();
    assert_eq!(clock.active(), &user("cat"));
    end_turn(&mut clock, "cat", 1).unwrap();
    assert_eq!(clock.active(), &user("ann"), "in order from whoever had the turn");
    clock.end_turn(Some(&user("ann")), Some(&user("ann")), at(2)).unwrap();

    let before = clock.clone();
    let refused = clock.end_turn(Some(&user("ann")), Some(&user("eve")), at(3));
    assert_eq!((refused, clock), (Err(Rejection::NoPlayer("next")), before));
}

#[test]
fn a_flag_falls_once_as_of_the_moment_the_clock_reached_zero() {
    let mut clock = clock(5_000, 3_000, 500);
    clock.run(at(0)).unwrap();
    assert_eq!((clock.fall(at(5_499)), clock.zero_at()), (None, Some(at(5_500))));
    assert_eq!(end_turn(&mut clock, "ann", 5_500), Err(Rejection::FlagFallen), "zero is no time");

    assert_eq!(clock.fall(at(77_000)), Some(FlagFall { user_id: user("ann"), at: at(5_500) }));

    assert_eq!((clock.fall(at(77_000)), clock.zero_at()), (None, None));
    let timer = clock.timer(at(77_000));
    assert_eq!((timer.active, timer.paused, left(&clock, 77_000)), (None, false, vec![0, 5_000]));
    for name in ["ann", "bob"] {
        assert_eq!(end_turn(&mut clock, name, 77_001), Err(Rejection::FlagFallen));
    }
    assert_eq!((clock.run(at(78_000)), clock.pause(at(78_000))), (Err(Rejection::FlagFallen), Changed::No));
}

#[test]
fn a_flag_stands_again_when_its_player_is_given_time() {
    let mut clock = clock(5_000, 0, 0);
    clock.run(at(0)).unwrap();
    clock.fall(at(5_000)).unwrap();

    clock.set(None, &[(user("bob"), ms(7_000))], at(6_000)).unwrap();
    assert_eq!(clock.timer(at(6_000)).active, None);
    clock.set(None, &[(user("ann"), ms(9_000))], at(6_000)).unwrap();

    let timer = clock.timer(at(8_000));
    assert_eq!((timer.active, timer.paused, left(&clock, 8_000)), (Some(user("ann")), true, vec![9_000, 7_000]));
    clock.run(at(8_000)).unwrap();
    assert_eq!(left(&clock, 9_000), [8_000, 7_000]);
}

#[test]
fn a_wrong_setting_changes_nothing() {
    let mut clock = clock(5_000, 0, 0);
    clock.run(at(0)).unwrap();
    let before = clock.clone();

    let too_long = [(user("ann"), ms(1)), (user("bob"), MAX_SPAN + ms(1))];
    assert_eq!(clock.set(None, &too_long, at(9)), Err(Rejection::SpanTooLong("remainingMs")));
    let stranger = [(user("ann"), ms(1)), (user("eve"), ms(1))];
    assert_eq!(clock.set(None, &stranger, at(9)), Err(Rejection::NoPlayer("remainingMs")));
    assert_eq!(clock.set(Some(&user("eve")), &[], at(9)), Err(Rejection::NoPlayer("active")));
    assert_eq!(clock.change_players(&[]), Err(Rejection::NobodyToTime));
    assert_eq!(clock.change_players(&[user("bob")]), Err(Rejection::ActivePlayerLeft));

    assert_eq!(clock, before);
}

#[test]
fn a_change_of_control_keeps_what_is_left_once_the_clocks_have_started() {
    let mut waiting = clock(5_000, 0, 700);
    let mut running = waiting.clone();
    running.run(at(0)).unwrap();

    assert_eq!(waiting.change_control(control(5_000, 0, 700), at(100)), Changed::No);
    assert_eq!(waiting.change_control(control(9_000, 0, 900), at(100)), Changed::Yes);
    assert_eq!(running.change_control(control(9_000, 0, 900), at(100)), Changed::Yes);

    waiting.run(at(100)).unwrap();
    assert_eq!(left(&waiting, 1_100), [8_900, 9_000]);
    assert_eq!(left(&running, 1_100), [4_600, 5_000], "of the delay, 600 ms were left");
}

#[test]
fn players_who_stay_keep_their_time_and_those_who_come_get_all_of_it() {
    let mut clock = clock(5_000, 0, 0);
    clock.run(at(0)).unwrap();
    end_turn(&mut clock, "ann", 1_000).unwrap();

    clock.change_players(&["cat", "bob", "ann"].map(user)).unwrap();

    assert_eq!((clock.active(), left(&clock, 1_500)), (&user("bob"), vec![5_000, 4_500, 4_000]));
}

#[test]
fn time_that_goes_backwards_costs_nothing() {
    let mut clock = clock(5_000, 0, 0);
    clock.run(at(10_000)).unwrap();

    assert_eq!(left(&clock, 0), [5_000, 5_000]);
    end_turn(&mut clock, "ann", 9_000).unwrap();

    assert_eq!(left(&clock, 10_000), [5_000, 4_000]);
}

fn pausing(clock: &mut GameClock) {
    let control = clock.control().clone().without_player(OnDisconnect::Pause, ms(100)).unwrap();
    clock.change_control(control, at(0));
}

#[test]
fn time_that_nobody_served_counts_only_where_clocks_run_without_players() {
    let mut running = clock(60_000, 0, 0);
    running.run(at(0)).unwrap();
    let mut pausing = running.clone();
    self::pausing(&mut pausing);
    for clock in [&mut running, &mut pausing] {
        clock.vouch(at(2_000));
        let version = clock.version();
        clock.resume_service(ms(500), at(9_000));
        assert_eq!(clock.version(), version);
    }

    assert_eq!((left(&running, 9_000), running.timer(at(9_000)).paused), (vec![51_000, 60_000], false));
    assert_eq!((left(&pausing, 9_000), pausing.timer(at(9_000)).paused), (vec![58_000, 60_000], true));
}

#[test]
fn a_clock_that_somebody_serves_is_left_alone() {
    let mut clock = clock(60_000, 0, 0);
    clock.run(at(0)).unwrap();
    pausing(&mut clock);
    clock.vouch(at(8_500));

    clock.resume_service(ms(500), at(9_000));

    assert_eq!(left(&clock, 9_000), [51_000, 60_000]);
}

#[test]
fn a_clock_that_had_run_out_while_it_was_served_falls_though_its_player_may_pause() {
    let mut clock = clock(1_000, 0, 0);
    clock.run(at(0)).unwrap();
    pausing(&mut clock);
    clock.vouch(at(1_000));

    clock.resume_service(ms(500), at(9_000));

    assert_eq!(clock.fall(at(9_000)), Some(FlagFall { user_id: user("ann"), at: at(1_000) }));
}

/// One step of a game.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    /// By whoever has the turn, or by somebody else; passing to somebody, or to the next.
    EndTurn {
        out_of_turn: bool,
        next: Option<usize>,
    },
    Run,
    Pause,
    Hold,
    Fall,
    Set {
        player: usize,
        left: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop_oneof![Just(0), Just(1), 0..40_u64, 0..700_u64].prop_map(Step::Wait),
        8 => (prop::bool::weighted(0.2), proptest::option::weighted(0.3, 0..8_usize))
            .prop_map(|(out_of_turn, next)| Step::EndTurn { out_of_turn, next }),
        2 => Just(Step::Run),
        2 => Just(Step::Pause),
        1 => Just(Step::Hold),
        3 => Just(Step::Fall),
        1 => (0..8_usize, 0..2_000_u64).prop_map(|(player, left)| Step::Set { player, left }),
    ]
}

/// Clocks as one would make them from a box of counters: one less every millisecond.
struct Counters {
    left: Vec<u64>,
    turn: usize,
    delay_left: u64,
    runs: bool,
    paused: bool,
    fallen: bool,
    increment: u64,
    delay: u64,
    /// All that was ever put on a counter, and all that was counted off.
    given: u64,
    taken: u64,
}

impl Counters {
    fn millisecond(&mut self) {
        if !self.runs || self.fallen {
            return;
        }
        if self.delay_left > 0 {
            self.delay_left -= 1;
        } else if self.left[self.turn] > 0 {
            self.left[self.turn] -= 1;
            self.taken += 1;
        }
    }

    fn is_out(&self) -> bool {
        self.runs && self.delay_left == 0 && self.left[self.turn] == 0
    }

    fn end_turn(&mut self, by: usize, next: usize) -> bool {
        if self.fallen || self.is_out() || by != self.turn {
            return false;
        }
        self.left[by] += self.increment;
        self.given += self.increment;
        (self.turn, self.delay_left) = (next, self.delay);
        self.runs = !self.paused;
        true
    }

    fn set(&mut self, player: usize, left: u64) {
        // As if it had been given so much more, or taken the difference.
        self.given += left.saturating_sub(self.left[player]);
        self.taken += self.left[player].saturating_sub(left);
        self.left[player] = left;
        if self.fallen && self.left[self.turn] > 0 {
            (self.fallen, self.paused, self.runs) = (false, true, false);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_taken_off_and_what_is_left_is_what_was_given(
        players in 2..=8_usize,
        (total, increment, delay) in (1..3_000_u64, prop_oneof![Just(0), 0..50_u64], prop_oneof![Just(0), 0..60_u64]),
        steps in vec(step(), 1..80),
    ) {
        let names: Vec<UserId> = (0..players).map(|number| user(&format!("p{number}"))).collect();
        let mut clock = GameClock::new(control(total, increment, delay), &names).unwrap();
        let mut counters = Counters {
            left: vec![total; players],
            turn: 0,
            delay_left: delay,
            runs: false,
            paused: false,
            fallen: false,
            increment,
            delay,
            given: total * players as u64,
            taken: 0,
        };
        let mut now = 0;
        for step in steps {
            match step {
                Step::Wait(span) => {
                    now += span;
                    (0..span).for_each(|_| counters.millisecond());
                }
                Step::EndTurn { out_of_turn, next } => {
                    let by = (counters.turn + usize::from(out_of_turn)) % players;
                    let next = next.map(|next| next % players);
                    let ended = clock.end_turn(Some(&names[by]), next.map(|next| &names[next]), at(now));
                    prop_assert_eq!(ended.is_ok(), counters.end_turn(by, next.unwrap_or((by + 1) % players)));
                }
                Step::Run => {
                    let ran = clock.run(at(now)).is_ok();
                    prop_assert_eq!(ran, !counters.fallen);
                    if ran {
                        (counters.runs, counters.paused) = (true, false);
                    }
                }
                Step::Pause if counters.fallen => prop_assert_eq!(clock.pause(at(now)), Changed::No),
                Step::Pause => {
                    clock.pause(at(now));
                    (counters.runs, counters.paused) = (false, true);
                }
                Step::Hold => {
                    prop_assert_eq!(clock.hold(at(now)) == Changed::Yes, counters.runs && !counters.fallen);
                    counters.runs = false;
                }
                Step::Fall => {
                    let fell = clock.fall(at(now));
                    prop_assert_eq!(fell.is_some(), counters.is_out() && !counters.fallen);
                    if fell.is_some() {
                        (counters.fallen, counters.runs) = (true, false);
                    }
                }
                Step::Set { player, left } => {
                    let player = player % players;
                    clock.set(None, &[(names[player].clone(), ms(left))], at(now)).unwrap();
                    counters.set(player, left);
                }
            }
            prop_assert_eq!(left(&clock, now), counters.left.clone());
            prop_assert_eq!(counters.left.iter().sum::<u64>() + counters.taken, counters.given);
            let timer = clock.timer(at(now));
            prop_assert_eq!(timer.active, (!counters.fallen).then(|| names[counters.turn].clone()));
            prop_assert_eq!(timer.paused, !counters.runs && !counters.fallen);
        }
    }
}
