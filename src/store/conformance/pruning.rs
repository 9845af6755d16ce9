//! Claims about floors.

use super::{
    Tier,
    table::{NONE, Table, seat, sequences, write},
};
use crate::{
    domain::{Epoch, Sequence},
    store::{Floor, Outcome, Write},
};

pub async fn a_floor_removes_events_up_to_and_with_it(tier: &impl Tier) {
    let store = tier.open().await;
    let (one, other) = (Table::set(&store, "one", 9).await, Table::set(&store, "other", 9).await);

    let floors = vec![one.floor(0, 4), other.floor(0, 9)];
    assert_eq!(write(&store, Write::Marks { seats: Vec::new(), floors, clocks: Vec::new() }).await, Outcome::Done);

    assert_eq!(sequences(&one.log().await), [5, 6, 7, 8, 9]);
    assert_eq!(sequences(&other.log().await), NONE);
    assert_eq!(one.load(9).await.floor, Sequence::new(4));
}

pub async fn a_floor_that_no_longer_fits_is_passed_over(tier: &impl Tier) {
    let store = tier.open().await;
    let (table, fits) = (Table::set(&store, "g", 9).await, Table::set(&store, "fits", 9).await);
    table.prune(0, 3).await;
    table.sit(0, &seat("ann")).await;

    let floors = vec![
        table.floor(0, 5),
        table.floor(1, 3),
        table.floor(1, 2),
        table.floor(1, 10),
        Floor { epoch: Epoch::generate(), ..table.floor(1, 5) },
        fits.floor(0, 5),
    ];
    assert_eq!(write(&store, Write::Marks { seats: Vec::new(), floors, clocks: Vec::new() }).await, Outcome::Done);

    assert_eq!(table.load(9).await.floor, Sequence::new(3));
    assert_eq!(sequences(&table.log().await), [4, 5, 6, 7, 8, 9]);
    assert_eq!(fits.load(9).await.floor, Sequence::new(5));
}
