//! Hears what other nodes tell.
//!
//! What is told while nobody hears it, or while too much waits, is lost: whoever has connections compares with the
//! durable store every so often.

use std::{io, pin::pin, time::Duration};

use futures_util::StreamExt;
use redis::{Client, RedisError as Failure, RedisResult, Value, aio::PubSub};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{interval, sleep, timeout},
};

use super::{
    OpenOptions, Place, RedisError,
    complaint::Complaint,
    dialer::client,
    message::{self, NodeId},
};
use crate::store::Change;

/// Changes that wait for whoever takes them up.
const CHANGES: usize = 4_096;
/// How often the connection is asked whether it lives.
const ASKED: Duration = Duration::from_secs(1);
/// How long to wait before the next attempt to hear.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// Knows where to listen. In a cluster, any node passes on what was told to another.
#[derive(Clone)]
pub(super) struct Listener {
    clients: Vec<Client>,
    channel: String,
    node: NodeId,
    timeout: Duration,
}

impl Listener {
    /// Reads the URLs of a place.
    ///
    /// # Errors
    /// `Url`: one says nothing.
    pub(super) fn new(options: &OpenOptions, channel: String, node: NodeId) -> Result<Self, RedisError> {
        let clients = match &options.place {
            Place::Single(url) => vec![client(url)?],
            Place::Cluster(urls) => urls.iter().map(|url| client(url)).collect::<Result<_, _>>()?,
        };
        Ok(Self { clients, channel, node, timeout: options.timeout })
    }

    /// The end that changes come out of, and the work that brings them there for as long as somebody has that end.
    pub(super) fn listen(self) -> (mpsc::Receiver<Change>, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(CHANGES);
        (receiver, self.run(sender))
    }

    async fn run(self, sender: mpsc::Sender<Change>) {
        let (complaint, mut pause) = (Complaint::default(), PAUSES[0]);
        for client in self.clients.iter().cycle() {
            match self.subscribe(client).await {
                Ok(subscription) => {
                    pause = PAUSES[0];
                    let end = self.hear(subscription, &sender, &complaint).await;
                    if complaint.is_due() && !sender.is_closed() {
                        tracing::warn!(context = "GameSessionRegistryRedis", error = %end, "Other nodes are not heard");
                    }
                }
                Err(_) => pause = (pause * 2).min(PAUSES[1]),
            }
            tokio::select! {
                () = sender.closed() => return,
                () = sleep(pause) => {}
            }
        }
    }

    async fn subscribe(&self, client: &Client) -> RedisResult<PubSub> {
        let subscribing = async {
            let mut subscription = client.get_async_pubsub().await?;
            subscription.subscribe(&self.channel).await?;
            RedisResult::Ok(subscription)
        };
        in_time(self.timeout, subscribing).await
    }

    /// Passes messages on, and returns why no more come.
    async fn hear(&self, subscription: PubSub, sender: &mpsc::Sender<Change>, complaint: &Complaint) -> Failure {
        // The library reads ahead without a bound. We read on at once, whether or not there is room, so that nothing
        // comes together there.
        let (mut sink, mut messages) = subscription.split();
        let mut death = pin!(async {
            let mut turns = interval(ASKED);
            loop {
                turns.tick().await;
                if let Err(error) = in_time(self.timeout, sink.ping::<Value>()).await {
                    return error;
                }
            }
        });
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.pass_on(message.get_payload_bytes(), sender, complaint),
                    None => return ended(io::ErrorKind::ConnectionReset),
                },
                error = &mut death => return error,
                () = sender.closed() => return ended(io::ErrorKind::BrokenPipe),
            }
        }
    }

    fn pass_on(&self, message: &[u8], sender: &mpsc::Sender<Change>, complaint: &Complaint) {
        let Some((node, changes)) = message::decode(message) else { return };
        if node == self.node {
            return;
        }
        for change in changes {
            if let Err(TrySendError::Full(_)) = sender.try_send(change)
                && complaint.is_due()
            {
                tracing::warn!(context = "GameSessionRegistryRedis", "More is told than can be taken up");
            }
        }
    }
}

async fn in_time<T>(within: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(within, work).await.unwrap_or_else(|_| Err(ended(io::ErrorKind::TimedOut)))
}

fn ended(how: io::ErrorKind) -> Failure {
    Failure::from(io::Error::from(how))
}
