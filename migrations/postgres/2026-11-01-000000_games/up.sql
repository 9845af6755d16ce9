-- Times are milliseconds since 1970. Sequences and versions only ever grow. Names are compared as bytes, which is what
-- they are, and faster than by a language's rules.

-- One row a game. Every event updates it in place: none of what it changes has an index, and a page keeps room for it.
create table game (
    id text collate "C" not null primary key,
    epoch text collate "C" not null,
    head bigint not null,
    floor bigint not null,
    seats_version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    open boolean,
    summary_sequence bigint,
    time_control text,
    clock text,
    -- A JSON array of user ids, in the order of their turns.
    players text not null,
    metadata text,
    summary text,
    check (0 <= floor and floor <= head),
    check ((summary is null) = (summary_sequence is null))
) with (fillfactor = 70);

-- For the clean-up: no game is untouched longer than it exists.
create index game_created_at on game (created_at);

-- One row a seat.
create table game_session (
    id text collate "C" not null primary key,
    game_id text collate "C" not null references game (id),
    user_id text collate "C" not null,
    last_ack_sequence bigint not null,
    proven_generation bigint not null,
    issued_generation bigint not null,
    last_heartbeat_at bigint not null,
    issued_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    metadata text,
    unique (game_id, user_id)
) with (fillfactor = 70);

create index game_session_user_id on game_session (user_id);
-- For the clean-up.
create index game_session_expires_at on game_session (expires_at);

-- The log: everything above a game's floor, up to and with its head. Without a foreign key: whatever adds to it holds
-- the game's row, and a check of every event would cost as much as the event.
create table game_event (
    game_id text collate "C" not null,
    sequence bigint not null,
    type text not null,
    -- Empty for the service and for a backend in no user's name.
    user_id text collate "C" not null default '',
    ref text collate "C",
    -- The very text that was sent.
    payload text not null,
    created_at bigint not null,
    primary key (game_id, sequence)
) partition by hash (game_id);

create unique index game_event_ref on game_event (game_id, user_id, ref) where ref is not null;

do $$
begin
    for number in 0..15 loop
        execute format(
            'create table game_event_%s partition of game_event for values with (modulus 16, remainder %s)',
            number, number
        );
    end loop;
end
$$;

-- What is left of a pruned event that had a ref, so that a late repeat is still known as one.
create table game_receipt (
    game_id text collate "C" not null references game (id),
    user_id text collate "C" not null,
    ref text collate "C" not null,
    sequence bigint not null,
    type text not null,
    -- When the event was recorded.
    created_at bigint not null,
    primary key (game_id, user_id, ref)
);

-- For the clean-up.
create index game_receipt_created_at on game_receipt (created_at);
