drop index concurrently if exists game_session_revoked_at;
