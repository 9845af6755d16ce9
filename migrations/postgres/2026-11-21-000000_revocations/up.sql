-- So that every node can ask, twice a second, whom another one has revoked.
create index concurrently if not exists game_session_revoked_at on game_session (revoked_at) where revoked_at is not null;
