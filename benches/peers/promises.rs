//! What the peers promise, and what not: without it, numbers of different things would stand side by side as if they were the same.

/// The table, in Markdown.
pub const TABLE: &str = "\
| | Rejoin | Socket.IO on Redis streams | Centrifugo |
| --- | --- | --- | --- |
| a confirmed move is | committed in SQLite or Postgres ([protocol](protocol.md)) | an entry of a Redis stream; as durable as that Redis is kept, \
here not at all ([adapter](https://socket.io/docs/v4/redis-streams-adapter)) | in Redis, as durable as that Redis, here not at all; or committed in \
Postgres. History is [ephemeral by design](https://centrifugal.dev/docs/server/history_and_recovery): the application's database is to be the truth |
| order | numbered 1, 2, 3, … in each game, without gap or repeat, whoever sends | \
[of each connection](https://socket.io/docs/v4/delivery-guarantees); the stream's ids have gaps, so that a client cannot see one | offsets in each channel; \
[not among those who publish at the same time](https://centrifugal.dev/docs/getting-started/design) |
| delivery | everything, across reconnects | [at most once](https://socket.io/docs/v4/delivery-guarantees); more is the application's | \
[at most once](https://centrifugal.dev/docs/getting-started/design), and what history still has |
| a client's retry | recorded once, by its `ref`, however late within `GAME_RETENTION_SECONDS` (7 days) | \
[may arrive twice](https://socket.io/docs/v4/delivery-guarantees) | twice, from a client; once within some minutes by `idempotency_key` \
[of the server API](https://centrifugal.dev/docs/server/server_api) |
| an event is kept | until every player has acknowledged it, or was absent for a day; at most 7 days after the last touch | while it is among the last \
`maxLen` of all rooms together, 10,000 by default (here 1,000,000); \
[sessions 2 minutes](https://socket.io/docs/v4/connection-state-recovery) by default | `history_size` of the channel and `history_ttl`: \
[both are set by hand](https://centrifugal.dev/docs/server/history_and_recovery), here 100 and 10 minutes |
| when history is full | nothing is lost: what memory cannot hold is read from the log | the oldest of all rooms goes; who needed it is not recovered | \
the oldest of the channel goes; who needed it is told `recovered: false` |
| a second recovery after one that failed midway | the same again: the position is the client's | \
[the session is gone](https://github.com/socketio/socket.io-redis-streams-adapter) with the first | the same again: the position is the client's |
";
