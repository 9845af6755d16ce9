drop index game_session_revoked_at;
