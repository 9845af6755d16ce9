//! Claims about events that are sent again.

use std::{sync::Arc, time::Duration};

use super::{
    Tier,
    table::{NONE, NOW, Table, event, payload, referred, sequences},
};
use crate::{
    domain::{Event, EventType},
    store::{DurableStore, Outcome},
};

fn originals(outcome: Outcome) -> Vec<(usize, Event)> {
    let Outcome::Repeated(originals) = outcome else { panic!("{outcome:?}") };
    originals.into_iter().map(|(place, event)| (place, Arc::unwrap_or_clone(event))).collect()
}

pub async fn a_repeat_is_answered_with_its_original(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 1).await;
    let original = referred(2, Some("ann"), "r");
    table.append(1, vec![original.clone(), event(3)]).await;

    let repeat = Event {
        payload: payload(r#"{"other":true}"#),
        event_type: EventType::parse("chat").unwrap(),
        created_at: NOW.plus(Duration::from_secs(9)),
        ..referred(4, Some("ann"), "r")
    };
    let outcome = table.append(3, vec![repeat]).await;

    assert_eq!(originals(outcome), [(0, original)]);
    assert_eq!(sequences(&table.log().await), [1, 2, 3]);
}

pub async fn a_repeat_keeps_its_whole_append_from_being_written(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let (first, second) = (referred(1, Some("ann"), "r1"), referred(2, None, "r2"));
    table.append(0, vec![first.clone(), second.clone()]).await;

    let again = vec![
        referred(3, Some("ann"), "new"),
        referred(4, None, "r2"),
        event(5),
        referred(6, Some("ann"), "r1"),
        referred(7, Some("ann"), "newer"),
    ];
    let outcome = table.append(2, again).await;

    assert_eq!(originals(outcome), [(1, second), (3, first)], "every repeat is named, by its place");
    assert_eq!(sequences(&table.log().await), [1, 2]);
    assert_eq!(table.append(2, vec![referred(3, Some("ann"), "new")]).await, Outcome::Done);
}

pub async fn a_repeat_of_a_pruned_event_is_still_known(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let (anns, nobodys) = (referred(1, Some("ann"), "r"), referred(2, None, "r"));
    table.append(0, vec![anns.clone(), nobodys.clone(), event(3)]).await;
    table.prune(0, 3).await;

    let vouched = payload(r#"{"vouched":"for"}"#);
    let later = NOW.plus(Duration::from_secs(9));
    let again = |sequence, by| Event { payload: vouched.clone(), created_at: later, ..referred(sequence, by, "r") };
    let outcome = table.append(3, vec![again(4, Some("ann")), again(5, None)]).await;

    let told = |original: Event| Event { payload: vouched.clone(), ..original };
    assert_eq!(originals(outcome), [(0, told(anns)), (1, told(nobodys))]);
    assert_eq!(sequences(&table.log().await), NONE);
}

pub async fn a_repeat_that_comes_alone_is_known_before_and_after_its_original_was_pruned(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    table.append(0, vec![referred(1, Some("ann"), "r")]).await;

    let before = table.append(1, vec![referred(2, Some("ann"), "r")]).await;
    table.prune(0, 1).await;
    let after = table.append(1, vec![referred(2, Some("ann"), "r")]).await;

    assert!(matches!((before, after), (Outcome::Repeated(_), Outcome::Repeated(_))));
    assert_eq!(table.append(1, vec![referred(2, Some("ann"), "s")]).await, Outcome::Done);
}

pub async fn a_repeat_within_a_batch_is_found(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    let original = referred(1, Some("ann"), "r");

    let batch = vec![
        table.appending(0, vec![original.clone()]),
        table.appending(1, vec![referred(2, Some("ann"), "r")]),
        table.appending(1, vec![event(2)]),
    ];
    let mut outcomes = store.commit(batch).await.unwrap();

    assert_eq!(originals(outcomes.remove(1)), [(0, original)]);
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    assert_eq!(sequences(&table.log().await), [1, 2]);
}

pub async fn a_ref_belongs_to_its_user_and_its_game(tier: &impl Tier) {
    let store = tier.open().await;
    let (one, other) = (Table::set(&store, "one", 0).await, Table::set(&store, "other", 0).await);

    for (number, by) in (1..).zip([Some("ann"), Some("bob"), None]) {
        let outcomes = store
            .commit(vec![
                one.appending(number - 1, vec![referred(number, by, "r")]),
                other.appending(number - 1, vec![referred(number, by, "r")]),
            ])
            .await
            .unwrap();
        assert_eq!(outcomes, [Outcome::Done, Outcome::Done], "{by:?}");
    }

    assert_eq!(originals(one.append(3, vec![referred(4, None, "r")]).await), [(0, referred(3, None, "r"))]);
}

pub async fn a_stale_append_is_stale_even_if_it_repeats(tier: &impl Tier) {
    let store = tier.open().await;
    let table = Table::set(&store, "g", 0).await;
    table.append(0, vec![referred(1, Some("ann"), "r")]).await;

    assert_eq!(table.append(0, vec![referred(1, Some("ann"), "r")]).await, Outcome::Stale);
}
