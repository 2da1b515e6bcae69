-- Every table of readings lies in a schema that no role but the owner may use, and is read through the one above.
-- Why each thing is as it is: docs/decisions/0008-readings-by-month.md.
set constraints all immediate;
create schema months;
create schema archive;
revoke all on schema months, archive from public;

-- The owner, who moves the rows, is held by row-level security like anyone: the old table's ends here, with the table.
alter table bothwell_sample no force row level security;
alter table bothwell_sample disable row level security;
alter table bothwell_sample set schema months;
alter table months.bothwell_sample rename to before;

create table public.bothwell_sample (like months.before including defaults including constraints including storage)
  partition by range (observed_at);
alter table public.bothwell_sample
  add primary key (id, observed_at),
  add foreign key (clinic_id) references bothwell_clinic (id) deferrable initially deferred,
  add foreign key (subject_id) references bothwell_person (id) deferrable initially deferred,
  add foreign key (couple_id) references bothwell_couple (id) deferrable initially deferred,
  add foreign key (author_id) references bothwell_person (id) deferrable initially deferred,
  add foreign key (session_id) references bothwell_dosingsession (id) deferrable initially deferred,
  add foreign key (device_id) references bothwell_device (id) deferrable initially deferred;
create unique index corrected_once on public.bothwell_sample (corrects_id, observed_at, clinic_id) where corrects_id is not null;
create unique index a_device_says_a_thing_once on public.bothwell_sample (clinic_id, device_id, code, source, observed_at)
  where corrects_id is null and device_id is not null;
create unique index one_sample_a_post on public.bothwell_sample (clinic_id, session_id, request_id, code, observed_at)
  where request_id is not null;
create index bothwell_sample_by_session on public.bothwell_sample (session_id, code, observed_at);
create index bothwell_sample_by_subject on public.bothwell_sample (subject_id);

create function months.named(first date) returns text language sql immutable set search_path = pg_catalog as $$
  select 'sample_' || to_char(first, 'YYYY_MM')
$$;

create function months.starts(first date) returns timestamptz language sql immutable set search_path = pg_catalog as $$
  select first::timestamp at time zone 'UTC'
$$;

-- An empty table like the one above, standing alone, with every wall of its own. Its keys are made while it is empty:
-- a check of rows would look with the owner's eyes, which see nobody.
create function months.draft(name text) returns void language plpgsql set search_path = pg_catalog as $$
declare k record;
begin
  execute format('create table months.%I (like public.bothwell_sample including all)', name);
  for k in select pg_get_constraintdef(oid) as definition from pg_constraint
           where conrelid = 'public.bothwell_sample'::regclass and contype = 'f' loop
    execute format('alter table months.%I add %s', name, k.definition);
  end loop;
  -- What is corrected was observed at the same moment, so it lies in the same table.
  execute format('alter table months.%1$I add constraint corrects_what_is_here foreign key (corrects_id, observed_at) '
    || 'references months.%1$I (id, observed_at) deferrable initially deferred', name);
  execute format('alter table months.%I enable row level security', name);
  execute format('alter table months.%I force row level security', name);
end $$;

-- A reading of a time no month was made for, or of a clock that is wrong, is kept here.
select months.draft('sample_elsewhen');
alter table public.bothwell_sample attach partition months.sample_elsewhen default;

-- Put a table that stands alone below the one above; what had fallen elsewhere comes into it. How many rows came.
create function months.attach(first date) returns bigint language plpgsql set search_path = pg_catalog as $$
declare
  name text := months.named(first);
  starts timestamptz := months.starts(first);
  ends timestamptz := months.starts((first + interval '1 month')::date);
  moved bigint;
begin
  set constraints all immediate;
  execute format('alter table months.%I no force row level security', name);
  alter table months.sample_elsewhen no force row level security;
  alter table months.sample_elsewhen disable trigger user;
  execute format('with gone as (delete from months.sample_elsewhen where observed_at >= %L and observed_at < %L returning *) '
    || 'insert into months.%I select * from gone', starts, ends, name);
  get diagnostics moved = row_count;
  alter table months.sample_elsewhen enable trigger user;
  alter table months.sample_elsewhen force row level security;
  execute format('alter table months.%I force row level security', name);
  execute format('alter table public.bothwell_sample attach partition months.%I for values from (%L) to (%L)', name, starts, ends);
  return moved;
end $$;

-- Make the table of a month, unless it is there, or put away. How many rows came into it from elsewhere.
create function months.make(first date) returns bigint language plpgsql set search_path = pg_catalog as $$
begin
  perform pg_advisory_xact_lock(7406);
  if to_regclass('months.' || months.named(first)) is not null or to_regclass('archive.' || months.named(first)) is not null then
    return 0;
  end if;
  perform months.draft(months.named(first));
  return months.attach(first);
end $$;

-- The months that readings fell into for which there is no table yet.
create function months.elsewhen() returns setof date language plpgsql set search_path = pg_catalog as $$
begin
  alter table months.sample_elsewhen no force row level security;
  return query select distinct date_trunc('month', observed_at at time zone 'UTC')::date from months.sample_elsewhen;
  alter table months.sample_elsewhen force row level security;
end $$;

do $$
declare
  first date;
  moved bigint;
begin
  for first in
    select distinct date_trunc('month', observed_at at time zone 'UTC')::date from months.before
    where observed_at >= '2000-01-01Z' and observed_at < now() + interval '4 months'
    union select (date_trunc('month', now() at time zone 'UTC') + n * interval '1 month')::date from generate_series(0, 3) n
  loop
    perform months.make(first);
  end loop;
  insert into public.bothwell_sample select * from months.before order by observed_at;
  get diagnostics moved = row_count;
  if moved <> (select count(*) from months.before) then
    raise exception 'readings were lost on their way into months';
  end if;
end $$;
drop table months.before;
set constraints all deferred;
