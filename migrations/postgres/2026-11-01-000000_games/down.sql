drop table game_receipt;
drop table game_event;
drop table game_session;
drop table game;
