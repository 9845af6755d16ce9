//! The server crashes on stores that live on.

use tokio::time::sleep;

use crate::{
    rig::{CROWD, audit, serve},
    services::{Service::Postgres, Services},
    support::{Chance, crowd::Crowd},
};

const KILLS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_again_and_again_loses_nothing_that_postgres_has() {
    let mut chance = Chance::announced();
    let services = Services::start(&[Postgres]);
    let mut server = serve(&services, &[Postgres], &[]).await;
    let crowd = Crowd::gather(CROWD, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    for _ in 0..KILLS {
        sleep(chance.millis_below(1_000)).await;
        server.crash().await;
        crowd.goes_on().await;
    }
    let report = audit(crowd, &server).await;

    assert!(report.losses >= KILLS * CROWD.games, "the kills hit too few players: {report}");
}
