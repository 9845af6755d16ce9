//! Removes every key of a namespace, some hundreds at a time, so that the server has time for others in between.

use redis::{Cmd, RedisResult, Value, cmd, from_redis_value};

use super::connection::{Connection, Master};

/// Keys that are looked at by one command.
const LOOKED_AT: usize = 1_000;

/// Removes the keys that match a pattern, and returns how many those were.
pub(super) async fn sweep(mut connection: Connection, pattern: String) -> RedisResult<u64> {
    let mut removed = 0;
    for master in connection.masters().await? {
        removed += sweep_master(&mut connection, &master, &pattern).await?;
    }
    Ok(removed)
}

async fn sweep_master(connection: &mut Connection, master: &Master, pattern: &str) -> RedisResult<u64> {
    let (mut cursor, mut removed) = (0, 0);
    loop {
        let scan = cmd("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(LOOKED_AT).take();
        let found = answer(connection.ask_master(master, vec![scan]).await?)?;
        let (next, keys): (u64, Vec<Vec<u8>>) = from_redis_value(found)?;
        if !keys.is_empty() {
            // One by one: in a cluster, one command is for keys of one slot.
            let answers = connection.ask_master(master, keys.into_iter().map(Cmd::unlink).collect()).await?;
            for answer in answers {
                removed += from_redis_value::<u64>(answer.extract_error()?)?;
            }
        }
        cursor = next;
        if cursor == 0 {
            return Ok(removed);
        }
    }
}

fn answer(answers: Vec<Value>) -> RedisResult<Value> {
    answers.into_iter().next().unwrap_or(Value::Nil).extract_error()
}
