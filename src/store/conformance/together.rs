//! Claims about several nodes with one database.

use super::{
    Tier,
    table::{Table, event, referred, seat, sequences, write},
};
use crate::store::{DurableStore, Outcome};

const NODES: usize = 2;
const TURNS: u64 = 25;

pub async fn two_nodes_appending_at_once_leave_no_gaps_and_no_doubles(tier: &impl Tier) {
    let stores = [tier.open().await, tier.open().await];
    let table = Table::set(&stores[0], "g", 0).await;

    let node = async |number: usize| {
        let here = Table { store: &stores[number], id: table.id.clone(), epoch: table.epoch };
        let mut recorded = 0;
        while recorded < TURNS {
            let head = here.load(0).await.head().number();
            let events =
                vec![referred(head + 1, Some(&format!("node{number}")), &recorded.to_string()), event(head + 2)];
            match here.append(head, events).await {
                Outcome::Done => recorded += 1,
                Outcome::Stale => {}
                Outcome::Repeated(_) => panic!("every ref is new"),
            }
        }
    };
    tokio::join!(node(0), node(1));

    let log = table.log().await;
    assert_eq!(sequences(&log), (1..=NODES as u64 * TURNS * 2).collect::<Vec<_>>());
    let mut refs: Vec<_> = log.iter().filter_map(|event| Some((&event.user_id, event.client_ref.as_ref()?))).collect();
    refs.dedup();
    assert_eq!(refs.len() as u64, NODES as u64 * TURNS);
}

pub async fn two_nodes_taking_seats_at_once_lose_none(tier: &impl Tier) {
    let stores = [tier.open().await, tier.open().await];
    let table = Table::set(&stores[0], "g", 0).await;

    let node = async |number: usize| {
        let here = Table { store: &stores[number], id: table.id.clone(), epoch: table.epoch };
        for turn in 0..TURNS {
            let seat = seat(&format!("node{number}-{turn}"));
            while write(here.store, here.seating(here.load(0).await.seats_version, &seat)).await != Outcome::Done {}
        }
    };
    tokio::join!(node(0), node(1));

    let game = table.load(0).await;
    assert_eq!((game.seats().len() as u64, game.seats_version), (NODES as u64 * TURNS, NODES as u64 * TURNS));
}

pub async fn what_one_node_wrote_the_other_reads(tier: &impl Tier) {
    let (one, other) = (tier.open().await, tier.open().await);
    let table = Table::set(&one, "g", 0).await;
    let there = Table { store: &other, id: table.id.clone(), epoch: table.epoch };

    for number in 1..=20 {
        assert_eq!(table.append(number - 1, vec![event(number)]).await, Outcome::Done);
        assert_eq!(there.load(10).await.head().number(), number);
    }
}

pub async fn a_fresh_database_is_ready(tier: &impl Tier) {
    assert_eq!(tier.open().await.check().await, Ok(()));
}
