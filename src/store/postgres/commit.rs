//! Batches of writes: each write whole or not at all, all of them committed together.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use super::{
    append::{append, append_one},
    lent::Lent,
    marks::{mark_seats, raise_floors, vouch},
    plan::{FLOORS_A_STATEMENT, Plan, Round},
    recall::recall,
    removal::{delete_game, lock_games},
    writes::{change_game, create_games, put_clocks, put_summaries, take_seats},
};
use crate::store::{
    Outcome, StoreError, Write,
    sql::failure::{Failure, is_contradiction},
};

/// Commits a batch, as if in its order.
pub(super) async fn commit(mut lent: Lent, batch: Vec<Write>) -> Result<Vec<Outcome>, StoreError> {
    match together(&mut lent, &batch).await {
        Err(Failure::Before(error)) if is_contradiction(&error) => Ok(apart(&mut lent, &batch).await?),
        result => Ok(result?),
    }
}

async fn together(lent: &mut Lent, batch: &[Write]) -> Result<Vec<Outcome>, Failure> {
    if let [Write::Append(append)] = batch
        && let [event] = append.events.as_slice()
        && lent.statement(async |connection| append_one(connection, append, event).await).await?
    {
        return Ok(vec![Outcome::Done]);
    }
    let plan = Plan::of(batch.iter().enumerate());
    let mut outcomes: Vec<_> = batch.iter().map(unless_written).collect();
    if plan.is_one_statement() {
        lent.statement(async |connection| carry_out(connection, &plan, &mut outcomes).await).await?;
    } else {
        lent.transaction(async |connection| {
            lock_games(connection, &plan.games()).await?;
            carry_out(connection, &plan, &mut outcomes).await
        })
        .await?;
    }
    Ok(outcomes)
}

/// Does writes one by one, of which some contradict what is stored. Unless it is a repeat that came alone, such a write
/// is a mistake of this program or a damaged database; its game is not what it was taken for.
async fn apart(lent: &mut Lent, batch: &[Write]) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes: Vec<_> = batch.iter().map(unless_written).collect();
    lent.transaction(async |connection| {
        lock_games(connection, &Plan::of(batch.iter().enumerate()).games()).await?;
        for (place, write) in batch.iter().enumerate() {
            connection.batch_execute("savepoint one_write").await?;
            match carry_out(connection, &Plan::of([(place, write)]), &mut outcomes).await {
                Err(error) if is_contradiction(&error) => {
                    tracing::error!(context = "PostgresStore", %error, "A write contradicts what is stored");
                    connection.batch_execute("rollback to savepoint one_write").await?;
                    outcomes[place] = Outcome::Stale;
                }
                result => result?,
            }
        }
        Ok(())
    })
    .await?;
    Ok(outcomes)
}

fn unless_written(write: &Write) -> Outcome {
    match write {
        Write::Marks { .. } | Write::Recall { .. } => Outcome::Done,
        Write::Append(_)
        | Write::CreateGame(_)
        | Write::ChangeGame(_)
        | Write::PutClock(_)
        | Write::PutSummary { .. }
        | Write::TakeSeat { .. }
        | Write::DeleteGame { .. } => Outcome::Stale,
    }
}

async fn carry_out(connection: &mut AsyncPgConnection, plan: &Plan<'_>, outcomes: &mut [Outcome]) -> QueryResult<()> {
    for round in &plan.rounds {
        let Round {
            creations,
            appends,
            changes,
            clocks,
            recalls,
            summaries,
            seatings,
            deletions,
            floors,
            marks,
            served,
        } = round;
        if !creations.is_empty() {
            create_games(connection, creations, outcomes).await?;
        }
        if !appends.is_empty() {
            append(connection, appends, outcomes).await?;
        }
        for (place, change) in changes {
            outcomes[*place] = change_game(connection, change).await?;
        }
        if !clocks.is_empty() {
            put_clocks(connection, clocks, outcomes).await?;
        }
        for (place, game, events) in recalls {
            outcomes[*place] = recall(connection, game, events).await?;
        }
        if !summaries.is_empty() {
            put_summaries(connection, summaries, outcomes).await?;
        }
        if !seatings.is_empty() {
            take_seats(connection, seatings, outcomes).await?;
        }
        for (place, game, epoch) in deletions {
            outcomes[*place] = delete_game(connection, game, *epoch).await?;
        }
        for floors in floors.chunks(FLOORS_A_STATEMENT) {
            raise_floors(connection, floors).await?;
        }
        if !marks.is_empty() {
            mark_seats(connection, marks).await?;
        }
        if !served.is_empty() {
            vouch(connection, served).await?;
        }
    }
    Ok(())
}
