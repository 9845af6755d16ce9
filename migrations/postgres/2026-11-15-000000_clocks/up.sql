-- Counts the changes of a game's clocks: whoever changes them names the one that the change was worked out from.
alter table game add column clock_version bigint not null default 0;
-- Until when a node is known to have served a game whose running clock counts only then.
alter table game add column clock_served_until bigint not null default 0;
