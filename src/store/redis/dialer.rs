//! Making connections, and telling whether one may be used again.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use redis::{
    AsyncConnectionConfig, Client, RedisError as Failure, RedisResult,
    cluster::{ClusterClient, ClusterClientBuilder},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

use super::{Place, RedisError, connection::Connection};

/// A connection that was in use a moment ago needs no asking: whatever ended since is noticed by its socket.
const FRESH: Duration = Duration::from_secs(1);
/// A connection that nothing has been heard on for that long is asked whether it lives.
const QUIET: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// What was sent and is not received in that time ends its connection.
const UNRECEIVED: Duration = Duration::from_secs(1);
const CONNECT: Duration = Duration::from_millis(500);

/// Dials for a pool.
pub(super) enum Dialer {
    Single(Client, AsyncConnectionConfig),
    Cluster(ClusterClient),
}

impl Dialer {
    /// Reads the URLs of a place, where calls may take so long.
    ///
    /// # Errors
    /// `Url`: one says nothing.
    pub(super) fn new(place: &Place, timeout: Duration) -> Result<Self, RedisError> {
        match place {
            Place::Single(url) => {
                // Whoever asks has a deadline of their own.
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(timeout.min(CONNECT)))
                    .set_response_timeout(None);
                Ok(Self::Single(client(url)?, config))
            }
            Place::Cluster(urls) => {
                let nodes = urls.iter().map(|url| Ok(client(url)?.get_connection_info().clone()));
                let nodes = nodes.collect::<Result<Vec<_>, RedisError>>()?;
                let cluster = ClusterClientBuilder::new(nodes)
                    // One redirection is followed, which is how a slot that has moved is found.
                    .retries(1)
                    .min_retry_wait(1)
                    .max_retry_wait(10)
                    .connection_timeout(timeout.min(CONNECT))
                    .response_timeout(timeout)
                    .overall_response_timeout(None)
                    .tcp_settings(tcp())
                    .build();
                Ok(Self::Cluster(cluster.map_err(|error| RedisError::Url(what(&error)))?))
            }
        }
    }

    async fn dial(&self) -> RedisResult<Connection> {
        Ok(match self {
            Self::Single(client, config) => {
                Connection::Single(client.get_multiplexed_async_connection_with_config(config).await?)
            }
            Self::Cluster(cluster) => {
                let mut connection = Connection::Cluster(cluster.get_async_connection().await?);
                // One is made even where some nodes can't be reached.
                connection.ping().await?;
                connection
            }
        })
    }
}

impl Manager for Dialer {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> RedisResult<Connection> {
        self.dial().await
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Failure> {
        if metrics.last_used() > FRESH {
            connection.ping().await.map_err(RecycleError::Backend)?;
        }
        Ok(())
    }
}

/// Reads a URL.
///
/// # Errors
/// `Url`: it says nothing.
pub(super) fn client(url: &str) -> Result<Client, RedisError> {
    let client = Client::open(url).map_err(|error| RedisError::Url(what(&error)))?;
    Client::open(client.get_connection_info().clone().set_tcp_settings(tcp()))
        .map_err(|error| RedisError::Url(what(&error)))
}

fn tcp() -> TcpSettings {
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(QUIET).with_interval(KEEPALIVE_INTERVAL))
        .set_user_timeout(UNRECEIVED)
}

/// What is wrong with a URL, without what it says: that may be a password.
fn what(error: &Failure) -> String {
    error.to_string().split(" - ").next().unwrap_or_default().to_owned()
}
