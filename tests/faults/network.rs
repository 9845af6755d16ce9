//! The network before Postgres fails: connections are cut in the middle of commits, and stall.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    proxy::{Proxy, Stall},
    rig::{CROWD, audit, serve_at},
    services::{Service::Postgres, Services},
    support::{Chance, SOON, crowd::Crowd, until},
};

/// Long enough that calls time out: longer than `REQUEST_TIMEOUT_MS`.
const LONG: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn commits_whose_answer_is_lost_are_neither_lost_nor_doubled() {
    let mut chance = Chance::announced();
    let services = Services::start(&[Postgres]);
    let (proxy, url) = Proxy::before(services.url(Postgres)).await;
    let server = serve_at(&[(Postgres.variable(), &url)], &[]).await;
    let crowd = Crowd::gather(CROWD, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    for _ in 0..40 {
        proxy.lose_an_answer(chance.below(40));
        until("an answer to be lost", SOON, || proxy.has_lost_it()).await;
    }
    crowd.goes_on().await;
    let report = audit(crowd, &server).await;

    assert!(report.refusals.contains_key("unknown"), "no commit was hit: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_or_stall_cost_no_event() {
    let mut chance = Chance::announced();
    let services = Services::start(&[Postgres]);
    let (proxy, url) = Proxy::before(services.url(Postgres)).await;
    let server = serve_at(&[(Postgres.variable(), &url)], &[]).await;
    let crowd = Crowd::gather(CROWD, &mut chance, |game_id, user_id| server.dial(game_id, user_id)).await;

    for stall in [Stall::Questions, Stall::Answers, Stall::Both] {
        proxy.stall(stall);
        sleep(LONG).await;
        // Once what was held up still arrives, once it does not.
        if stall == Stall::Both {
            proxy.cut();
        }
        proxy.stall(Stall::Nothing);
        crowd.goes_on().await;
        for _ in 0..10 {
            proxy.cut();
            sleep(chance.millis_below(200)).await;
        }
        crowd.goes_on().await;
    }
    let report = audit(crowd, &server).await;

    assert!(report.refusals.contains_key("unknown"), "no commit was hit: {report}");
}
