alter table game drop column clock_served_until;
alter table game drop column clock_version;
