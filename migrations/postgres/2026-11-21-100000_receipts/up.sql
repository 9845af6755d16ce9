-- Whatever adds a receipt or removes a game holds the game's row: a check of every receipt costs as much as the receipt.
alter table game_receipt drop constraint if exists game_receipt_game_id_fkey;
