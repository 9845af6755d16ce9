-- For a list of the latest revocations.
create index game_session_revoked_at on game_session (revoked_at) where revoked_at is not null;
