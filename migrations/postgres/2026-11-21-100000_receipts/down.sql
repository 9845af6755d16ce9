alter table game_receipt add constraint game_receipt_game_id_fkey foreign key (game_id) references game (id);
