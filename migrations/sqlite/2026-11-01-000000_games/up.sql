-- Times are milliseconds since 1970. Sequences and versions only ever grow.

-- One row a game. What changes with every event stands first, so that a large summary is not rewritten with it.
create table game (
    id text not null primary key,
    epoch text not null,
    head integer not null,
    floor integer not null,
    seats_version integer not null,
    created_at integer not null,
    updated_at integer not null,
    open integer,
    summary_sequence integer,
    time_control text,
    clock text,
    -- A JSON array of user ids, in the order of their turns.
    players text not null,
    metadata text,
    summary text,
    check (0 <= floor and floor <= head),
    check ((summary is null) = (summary_sequence is null))
) strict;

-- For the clean-up.
create index game_updated_at on game (updated_at);

-- One row a seat.
create table game_session (
    id text not null primary key,
    game_id text not null references game (id),
    user_id text not null,
    last_ack_sequence integer not null,
    proven_generation integer not null,
    issued_generation integer not null,
    last_heartbeat_at integer not null,
    issued_at integer not null,
    expires_at integer not null,
    revoked_at integer,
    metadata text,
    unique (game_id, user_id)
) strict;

create index game_session_user_id on game_session (user_id);
-- For the clean-up, which finds all it asks for in here.
create index game_session_expires_at on game_session (expires_at, last_heartbeat_at);

-- The log: everything above a game's floor, up to and with its head.
create table game_event (
    game_id text not null references game (id),
    sequence integer not null,
    type text not null,
    -- Empty for the service and for a backend in no user's name.
    user_id text not null default '',
    ref text,
    -- The very text that was sent.
    payload text not null,
    created_at integer not null,
    primary key (game_id, sequence)
) strict, without rowid;

create unique index game_event_ref on game_event (game_id, user_id, ref) where ref is not null;

-- What is left of a pruned event that had a ref, so that a late repeat is still known as one.
create table game_receipt (
    game_id text not null references game (id),
    user_id text not null,
    ref text not null,
    sequence integer not null,
    type text not null,
    -- When the event was recorded.
    created_at integer not null,
    primary key (game_id, user_id, ref)
) strict, without rowid;

-- For the clean-up.
create index game_receipt_created_at on game_receipt (created_at);
