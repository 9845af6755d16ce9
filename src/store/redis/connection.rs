//! One connection, to a server or to all nodes of a cluster, and asking over it.

use futures_util::future::try_join_all;
use redis::{
    Cmd, ErrorKind, Pipeline, RedisError as Failure, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo},
    cmd, from_redis_value,
};

/// A connection. Clones are the same.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Who keeps a part of the keys.
pub(super) enum Master {
    /// The one server there is.
    Only,
    Node {
        host: String,
        port: u16,
    },
}

impl Connection {
    /// Sends groups of commands at once and returns the answers of each group. The commands of a group are done in
    /// their order; in a cluster, their keys are in one slot, and groups are done in any order.
    ///
    /// A single answer may be a server's refusal. An error is about the connection, or in a cluster about a slot.
    pub(super) async fn ask(&mut self, groups: Vec<Vec<Cmd>>) -> RedisResult<Vec<Vec<Value>>> {
        match self {
            Self::Single(connection) => {
                let lengths: Vec<_> = groups.iter().map(Vec::len).collect();
                let all = pipeline(groups.into_iter().flatten());
                let mut answers = connection.req_packed_commands(&all, 0, all.len()).await?.into_iter();
                Ok(lengths.into_iter().map(|length| answers.by_ref().take(length).collect()).collect())
            }
            Self::Cluster(connection) => {
                try_join_all(groups.into_iter().map(|group| ask_nodes(connection.clone(), group))).await
            }
        }
    }

    /// Shows that every server that keeps keys answers.
    pub(super) async fn ping(&mut self) -> RedisResult<()> {
        self.masters().await.map(|_| ())
    }

    /// Those who keep the keys. All of them answer.
    pub(super) async fn masters(&mut self) -> RedisResult<Vec<Master>> {
        match self {
            Self::Single(connection) => {
                connection.req_packed_command(&cmd("PING")).await?.extract_error()?;
                Ok(vec![Master::Only])
            }
            Self::Cluster(connection) => {
                let each = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let answers = connection.route_command(cmd("PING"), each).await?;
                let any = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                let info = connection.route_command(cmd("CLUSTER").arg("INFO").take(), any).await?;
                let masters: Vec<_> = pairs(answers)?.into_iter().filter_map(node).collect();
                // The library passes over those that it has no connection to.
                if from_redis_value::<String>(info)?
                    .lines()
                    .any(|line| line == format!("cluster_size:{}", masters.len()))
                {
                    Ok(masters)
                } else {
                    Err(Failure::from((ErrorKind::Io, "a master does not answer")))
                }
            }
        }
    }

    /// Sends commands to one of the masters.
    pub(super) async fn ask_master(&mut self, master: &Master, commands: Vec<Cmd>) -> RedisResult<Vec<Value>> {
        let all = pipeline(commands);
        match (self, master) {
            (Self::Cluster(connection), Master::Node { host, port }) => {
                let route = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                let count = all.len();
                connection.route_pipeline(all, 0, count, route).await
            }
            (Self::Single(connection), _) => connection.req_packed_commands(&all, 0, all.len()).await,
            (Self::Cluster(connection), Master::Only) => connection.req_packed_commands(&all, 0, all.len()).await,
        }
    }
}

/// Asks a cluster. A command by itself may be one for all nodes; several go where their keys are.
async fn ask_nodes(mut connection: ClusterConnection, group: Vec<Cmd>) -> RedisResult<Vec<Value>> {
    if let [command] = &group[..] {
        return Ok(vec![connection.req_packed_command(command).await?]);
    }
    let all = pipeline(group);
    connection.req_packed_commands(&all, 0, all.len()).await
}

fn pairs(answers: Value) -> RedisResult<Vec<(String, Value)>> {
    Ok(from_redis_value(answers)?)
}

/// The node of an address, where it has not said no.
fn node((address, answer): (String, Value)) -> Option<Master> {
    answer.extract_error().ok()?;
    let (host, port) = address.rsplit_once(':')?;
    Some(Master::Node { host: host.to_owned(), port: port.parse().ok()? })
}

fn pipeline(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}
