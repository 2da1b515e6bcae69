-- Who may see and write which row. Applied whole after every migration: this file is the truth.
--
-- Read `docs/privacy.md` first: door.reads() and door.writes_by() below are its table. The pure rule in `rule.py`
-- says the same in Python, and a test that draws worlds demands that both agree, for every viewer.
--
-- How it is kept fast: each leaf of a policy is `(select door.f())` or `= any(array(select door.f()))`, so that a
-- function runs once a query, not once a row. How it is kept closed: no viewer named, no row.

------------------------------------------------------------------------------------------------ a clean slate
do $$
declare p record;
begin
  for p in select schemaname, tablename, policyname from pg_policies where schemaname = 'public' loop
    execute format('drop policy %I on %I.%I', p.policyname, p.schemaname, p.tablename);
  end loop;
end $$;

drop schema if exists door cascade;
create schema door;
grant create on schema door to bothwell_rules;
grant usage on schema door to bothwell_viewer, bothwell_web, bothwell_work, bothwell_research, bothwell_rules, bothwell_loader;
grant usage on schema public to bothwell_viewer, bothwell_web, bothwell_work, bothwell_research, bothwell_rules, bothwell_loader;
revoke all on all tables in schema public from bothwell_viewer, bothwell_web, bothwell_work, bothwell_research, bothwell_rules, bothwell_loader;

---------------------------------------------------------------------------------------------- whose eyes these are
-- The token is `person.expiry.signature`; the signature is HMAC-SHA256 with a key only the web process and
-- this function know. Text injected into a query cannot make another person of the viewer.
create function door.me() returns uuid language plpgsql stable security definer set search_path = public as $$
declare
  token text := nullif(current_setting('bothwell.viewer', true), '');
  signed text;
  key record;
begin
  if token is null or token !~ '^[0-9a-f-]{36}\.[0-9]{1,12}\.[0-9a-f]{64}$' then
    return null;
  end if;
  signed := split_part(token, '.', 1) || '.' || split_part(token, '.', 2);
  select inner_ as i, outer_ as o into key from (select "inner" as inner_, "outer" as outer_ from bothwell_doorkey where id = 1) k;
  if key.i is null
     or encode(sha256(key.o || sha256(key.i || convert_to(signed, 'UTF8'))), 'hex') <> split_part(token, '.', 3)
     or to_timestamp(split_part(token, '.', 2)::bigint) < clock_timestamp() then
    return null;
  end if;
  return split_part(token, '.', 1)::uuid;
end $$;

create function door.clinic() returns uuid language sql stable security definer set search_path = public as $$
  select clinic_id from bothwell_person where id = door.me()
$$;

-- Whoever the viewer is or was a couple with.
create function door.mates() returns setof uuid language sql stable security definer set search_path = public as $$
  select distinct them.person_id from bothwell_membership mine join bothwell_membership them using (couple_id)
  where mine.person_id = door.me() and them.person_id <> mine.person_id
$$;

-- These people, and everyone they are or were a couple with.
create function door.with_their_mates(people uuid[]) returns setof uuid language sql stable security definer set search_path = public as $$
  select unnest(people)
  union
  select them.person_id from bothwell_membership mine join bothwell_membership them using (couple_id)
  where mine.person_id = any(people)
$$;

-- The viewer, whoever they are besides or are close to, and everyone any of these is or was a couple with: no role opens
-- these charts to them.
create function door.intimates() returns setof uuid language sql stable security definer set search_path = public as $$
  select door.with_their_mates(array(
    select door.me() union select c.subject_id from bothwell_closeto c where c.staff_id = door.me() and c.until is null))
$$;

------------------------------------------------------------------------------------------------------- the table
create function door.reads() returns table (kind text, relation text, way text, class text) language sql immutable as $$
  values
  ('person.name','self','Y',''), ('person.name','partner','Y',''), ('person.name','ex_partner','Y',''),
  ('person.name','prescriber','Y',''), ('person.name','nurse','Y',''), ('person.name','individual_therapist','Y',''),
  ('person.name','couples_therapist','Y',''), ('person.name','lead','Y',''), ('person.name','safety','Y',''),
  ('person.name','coordinator','Y',''),
  ('person.contact','self','Y',''), ('person.contact','prescriber','Y',''), ('person.contact','nurse','Y',''),
  ('person.contact','individual_therapist','Y',''),
  ('person.contact','couples_therapist','Y',''), ('person.contact','lead','Y',''), ('person.contact','safety','Y',''),
  ('person.contact','coordinator','Y',''),
  ('care_team','self','Y',''), ('care_team','prescriber','Y',''), ('care_team','nurse','Y',''),
  ('care_team','individual_therapist','Y',''), ('care_team','couples_therapist','Y',''), ('care_team','lead','Y',''),
  ('care_team','safety','Y',''), ('care_team','coordinator','Y',''),
  ('care_team.sealed','lead','Y',''), ('care_team.sealed','safety','Y',''),
  ('medical','self','Y',''), ('medical','prescriber','Y',''), ('medical','nurse','Y',''),
  ('medical','individual_therapist','R','medical_summary'), ('medical','couples_therapist','R','medical_summary'),
  ('medical','lead','B',''),
  ('preparation','self','Y',''), ('preparation','prescriber','Y',''), ('preparation','nurse','Y',''),
  ('preparation','individual_therapist','Y',''), ('preparation','couples_therapist','R','medical_summary'),
  ('preparation','lead','B',''),
  ('dosing.time','self','Y',''), ('dosing.time','partner','G',''), ('dosing.time','prescriber','Y',''),
  ('dosing.time','nurse','Y',''), ('dosing.time','individual_therapist','Y',''),
  ('dosing.time','couples_therapist','R','dosing_summary'), ('dosing.time','lead','Y',''),
  ('dosing.time','coordinator','Y',''),
  ('dosing.busy','self','Y',''), ('dosing.busy','partner','Y',''), ('dosing.busy','prescriber','Y',''),
  ('dosing.busy','nurse','Y',''), ('dosing.busy','individual_therapist','Y',''),
  ('dosing.busy','couples_therapist','Y',''), ('dosing.busy','lead','Y',''), ('dosing.busy','coordinator','Y',''),
  ('dosing.flowsheet','self','Y',''), ('dosing.flowsheet','prescriber','Y',''), ('dosing.flowsheet','nurse','Y',''),
  ('dosing.flowsheet','individual_therapist','R','dosing_summary'), ('dosing.flowsheet','lead','B',''),
  ('dosing.summary','self','Y',''), ('dosing.summary','partner','G',''), ('dosing.summary','prescriber','Y',''),
  ('dosing.summary','nurse','Y',''), ('dosing.summary','individual_therapist','Y',''),
  ('dosing.summary','couples_therapist','R','dosing_summary'), ('dosing.summary','lead','B',''),
  ('measure.individual','self','Y',''), ('measure.individual','partner','G',''),
  ('measure.individual','prescriber','Y',''), ('measure.individual','individual_therapist','Y',''),
  ('measure.individual','couples_therapist','R','individual_scores'), ('measure.individual','lead','B',''),
  ('measure.predose','self','Y',''), ('measure.predose','partner','G',''), ('measure.predose','prescriber','Y',''),
  ('measure.predose','nurse','Y',''), ('measure.predose','individual_therapist','Y',''),
  ('measure.predose','couples_therapist','R','individual_scores'), ('measure.predose','lead','B',''),
  ('measure.relationship','self','Y',''), ('measure.relationship','partner','G',''),
  ('measure.relationship','prescriber','R','relationship_scores'),
  ('measure.relationship','individual_therapist','R','relationship_scores'),
  ('measure.relationship','couples_therapist','R','relationship_scores'), ('measure.relationship','lead','B',''),
  ('screen.suicide','self','Y',''), ('screen.suicide','prescriber','Y',''), ('screen.suicide','nurse','D',''),
  ('screen.suicide','individual_therapist','Y',''), ('screen.suicide','couples_therapist','R','suicide_reason'),
  ('screen.suicide','couples_therapist','B',''), ('screen.suicide','lead','B',''),
  ('call.thoughts','self','Y',''), ('call.thoughts','prescriber','Y',''), ('call.thoughts','nurse','L',''),
  ('call.thoughts','nurse','A',''), ('call.thoughts','individual_therapist','Y',''), ('call.thoughts','lead','B',''),
  ('suicide.flag','prescriber','Y',''), ('suicide.flag','nurse','D',''), ('suicide.flag','individual_therapist','Y',''),
  ('suicide.flag','couples_therapist','R','suicide_reason'), ('suicide.flag','couples_therapist','B',''),
  ('suicide.flag','lead','B',''),
  ('screen.violence','safety','Y',''),
  ('draft','self','Y',''),
  ('suicide.escalated','prescriber','Y',''), ('suicide.escalated','nurse','D',''),
  ('suicide.escalated','individual_therapist','Y',''), ('suicide.escalated','lead','Y',''),
  ('insight','self','Y',''), ('insight','partner','G',''), ('insight','individual_therapist','G',''),
  ('insight','couples_therapist','G',''),
  ('decision','self','Y',''), ('decision','prescriber','Y',''), ('decision','nurse','Y',''),
  ('decision','individual_therapist','Y',''), ('decision','couples_therapist','Y',''), ('decision','lead','Y',''),
  ('decision.status','self','Y',''), ('decision.status','partner','G',''), ('decision.status','prescriber','Y',''),
  ('decision.status','nurse','Y',''), ('decision.status','individual_therapist','Y',''),
  ('decision.status','couples_therapist','Y',''), ('decision.status','lead','Y',''),
  ('pathway','self','Y',''), ('pathway','prescriber','Y',''), ('pathway','nurse','Y',''),
  ('pathway','individual_therapist','Y',''), ('pathway','couples_therapist','Y',''), ('pathway','lead','Y',''),
  ('care_plan','self','Y',''), ('care_plan','prescriber','Y',''), ('care_plan','nurse','Y',''),
  ('care_plan','individual_therapist','Y',''), ('care_plan','couples_therapist','R','medical_summary'), ('care_plan','lead','B',''),
  ('consent','self','Y',''), ('consent','prescriber','Y',''), ('consent','nurse','Y',''),
  ('consent','individual_therapist','Y',''), ('consent','lead','Y',''),
  ('consent.couples','self','Y',''), ('consent.couples','prescriber','Y',''), ('consent.couples','nurse','Y',''),
  ('consent.couples','individual_therapist','Y',''), ('consent.couples','couples_therapist','Y',''),
  ('consent.couples','lead','Y',''),
  ('shelter','safety','Y',''),
  ('close_to','lead','Y',''), ('close_to','coordinator','Y',''),
  ('appointment','self','Y',''), ('appointment','prescriber','Y',''), ('appointment','nurse','Y',''), ('appointment','individual_therapist','Y',''), ('appointment','lead','Y',''), ('appointment','coordinator','Y',''),
  ('message.care','self','Y',''), ('message.care','prescriber','Y',''), ('message.care','nurse','Y',''), ('message.care','individual_therapist','Y',''),
  ('message.therapist','self','Y',''), ('message.therapist','individual_therapist','Y',''),
  ('message.alone','self','Y',''), ('message.alone','couples_therapist','Y',''),
  ('record.request','self','Y',''), ('record.request','lead','Y',''), ('record.request','coordinator','Y',''),
  ('disclosed','self','Y',''), ('disclosed','prescriber','Y',''), ('disclosed','lead','Y',''),
  ('legal.hold','lead','Y',''), ('legal.hold','coordinator','Y',''),
  ('parting.asked','self','Y',''), ('parting.asked','couples_therapist','Y',''), ('parting.asked','lead','Y',''), ('parting.asked','coordinator','Y',''),
  ('cycle.node','self','Y',''), ('cycle.node','couples_therapist','Y',''),
  ('access','self','Y',''), ('access','lead','Y',''),
  ('access.couple','self','Y',''), ('access.couple','lead','Y',''),
  ('break_glass','lead','Y',''),
  ('access.sealed','safety','Y',''),
  ('couple.link','self','Y',''), ('couple.link','partner','Y',''), ('couple.link','ex_partner','Y',''),
  ('couple.link','prescriber','Y',''), ('couple.link','nurse','Y',''), ('couple.link','individual_therapist','Y',''),
  ('couple.link','couples_therapist','Y',''), ('couple.link','lead','Y',''), ('couple.link','safety','Y',''),
  ('couple.link','coordinator','Y',''),
  ('couple.shared','self','Y',''), ('couple.shared','partner','Y',''), ('couple.shared','ex_partner','C',''),
  ('couple.shared','individual_therapist','R','couple_work'), ('couple.shared','couples_therapist','Y',''),
  ('couple.shared','lead','B',''),
  ('couple.progress','couples_therapist','Y',''), ('couple.progress','lead','B',''),
  ('couple.alone','couples_therapist','Y',''), ('couple.alone','lead','B',''),
  ('couple.request','self','Y',''), ('couple.request','partner','Y',''), ('couple.request','ex_partner','Y',''), ('couple.request','lead','Y',''), ('couple.request','coordinator','Y',''),
  ('message.couple','self','Y',''), ('message.couple','partner','Y',''), ('message.couple','ex_partner','C',''), ('message.couple','couples_therapist','Y',''),
  ('couple.hold','couples_therapist','Y',''), ('couple.hold','safety','Y',''),
  ('disclosure','self','Y',''), ('disclosure','partner','Y',''), ('disclosure','ex_partner','Y',''),
  ('disclosure','prescriber','Y',''), ('disclosure','individual_therapist','Y',''),
  ('disclosure','couples_therapist','Y',''), ('disclosure','lead','Y',''),
  ('vials','prescriber','Y',''), ('vials','nurse','Y',''), ('vials','lead','Y',''),
  ('vials.use','prescriber','Y',''), ('vials.use','nurse','Y',''), ('vials.use','lead','Y',''),
  ('outcomes','lead','Y',''), ('outcomes','researcher','Y','')
$$;

create function door.writes_by() returns table (kind text, relation text) language sql immutable as $$
  select k, unnest(string_to_array(who, ' ')) from (values
  ('person.name', 'self lead coordinator'),
  ('person.contact', 'self lead coordinator'),
  ('invitation', 'lead coordinator'),
  ('care_team', 'lead coordinator'),
  ('care_team.sealed', 'lead'),
  ('medical', 'prescriber nurse'),
  ('preparation', 'self prescriber nurse individual_therapist'),
  ('order', 'prescriber'),
  ('dosing.time', 'prescriber nurse coordinator'),
  ('dosing.flowsheet', 'prescriber nurse'),
  ('dosing.summary', 'prescriber nurse individual_therapist'),
  ('measure', 'self'),
  ('measure.entered', 'prescriber nurse individual_therapist couples_therapist'),
  ('violence.entered', 'safety'),
  ('request', 'prescriber individual_therapist couples_therapist coordinator'),
  ('suicide.flag', 'self prescriber nurse individual_therapist couples_therapist'),
  ('suicide.acknowledged', 'prescriber nurse individual_therapist'),
  ('suicide.closed', 'prescriber individual_therapist'),
  ('insight', 'self'),
  ('decision', 'prescriber couples_therapist'),
  ('decision.signature', 'self prescriber couples_therapist'),
  ('pathway', 'self prescriber nurse individual_therapist couples_therapist lead coordinator'),
  ('care_plan', 'self prescriber nurse individual_therapist'),
  ('hold.reason', 'prescriber nurse individual_therapist couples_therapist lead'),
  ('consent', 'self'),
  ('consent.reaffirmed', 'self prescriber nurse'),
  ('grant', 'self'),
  ('shelter', 'self safety'),
  ('shelter.ended', 'safety'),
  ('close_to', 'lead coordinator'),
  ('appointment', 'prescriber nurse individual_therapist lead coordinator'),
  ('message.care', 'self prescriber nurse individual_therapist'),
  ('message.therapist', 'self individual_therapist'),
  ('message.alone', 'self couples_therapist'),
  ('record.request', 'self lead coordinator'),
  ('record.answered', 'lead coordinator'),
  ('disclosed', 'self lead'),
  ('legal.hold', 'lead'),
  ('parting.asked', 'self'),
  ('parting.answered', 'couples_therapist lead coordinator'),
  ('cycle.node', 'couples_therapist'),
  ('couple.link', 'lead coordinator'),
  ('couple.parting', 'couples_therapist lead coordinator'),
  ('couple.shared', 'couples_therapist'),
  ('couple.doing', 'self partner couples_therapist'),
  ('couple.aside', 'self partner'),
  ('couple.progress', 'couples_therapist'),
  ('couple.alone', 'couples_therapist'),
  ('couple.request', 'self partner ex_partner lead coordinator'),
  ('couple.signed', 'self partner ex_partner'),
  ('message.couple', 'self partner couples_therapist'),
  ('couple.hold', 'self safety'),
  ('couple.hold.lifted', 'safety'),
  ('disclosure', 'couples_therapist'),
  ('disclosure.signature', 'self partner'),
  ('process_note', 'couples_therapist individual_therapist'),
  ('note.draft', 'couples_therapist'),
  ('break_glass', 'lead couples_therapist'),
  ('vials', 'prescriber nurse lead'),
  ('vials.use', 'prescriber nurse'),
  ('outcomes', 'lead researcher')
  ) as w (k, who)
$$;

------------------------------------------------------------------------------------- what the viewer is to others
-- Roles held towards a person now, by an assignment to them or to the couple they are in; never towards an intimate.
create function door.held() returns table (role text, subject uuid) language sql stable security definer set search_path = public as $$
  select a.role::text, a.subject_id from bothwell_assignment a
  where a.staff_id = door.me() and a.subject_id is not null and a.since <= now() and (a.until is null or a.until > now())
    and a.subject_id not in (select door.intimates())
  union
  select a.role::text, m.person_id from bothwell_assignment a
  join bothwell_couple c on c.id = a.couple_id and c.parted_at is null
  join bothwell_membership m on m.couple_id = c.id
  where a.staff_id = door.me() and a.since <= now() and (a.until is null or a.until > now())
    and m.person_id not in (select door.intimates())
$$;

create function door.clinic_roles() returns setof text language sql stable security definer set search_path = public as $$
  select role::text from bothwell_staffrole
  where person_id = door.me() and role in ('lead', 'coordinator') and since <= now() and (until is null or until > now())
$$;

-- What a member of staff is in the clinic, whoever is in their care: only the clinic's own stock is opened by this.
create function door.staff_roles() returns setof text language sql stable security definer set search_path = public as $$
  select role::text from bothwell_staffrole
  where person_id = door.me() and since <= now() and (until is null or until > now())
$$;

create function door.partners(together boolean) returns setof uuid language sql stable security definer set search_path = public as $$
  select them.person_id from bothwell_membership mine
  join bothwell_membership them on them.couple_id = mine.couple_id and them.person_id <> mine.person_id
  join bothwell_couple c on c.id = mine.couple_id
  where mine.person_id = door.me() and (c.parted_at is null) = together
$$;

-- Shelter. What somebody gives or does while one stands, whoever is or was a couple with them never finds: not while it
-- stands, and not when it has ended, for what comes to light with an old date tells of it. What they had given or done
-- before stays as it was, for what was read and is gone tells of it too.

-- Those with whom the viewer is or was a couple, and of whom they now find nothing new.
create function door.sheltered() returns setof uuid language sql stable security definer set search_path = public as $$
  select s.subject_id from bothwell_shelter s where s.until is null and s.subject_id in (select door.mates())
$$;

create function door.shared_tables() returns setof text language sql immutable as $$
  select unnest(array['couplesession', 'sharedsummary', 'exercisegiven', 'exercisedone', 'laidaside', 'couplepause', 'cycleshown',
    'couplecheckin', 'coupleagreement', 'agreementanswer', 'supportplan', 'warningsign', 'planreview', 'message',
    'jointrequest', 'jointsignature'])
$$;

-- Rows of these couples that one of these people added while they were sheltered.
create function door.under_shelter(couples uuid[], people uuid[]) returns setof uuid language plpgsql stable security definer set search_path = public as $$
declare t text;
begin
  if not exists (select 1 from bothwell_shelter s where s.subject_id = any(people)) then return; end if;
  for t in select door.shared_tables() loop
    return query execute format('select r.id from %I r join bothwell_shelter s on s.subject_id = r.author_id
      and r.recorded_at >= s.recorded_at and r.recorded_at < coalesce(s.until, ''infinity'')
      where r.couple_id = any($1) and r.author_id = any($2)', 'bothwell_' || t) using couples, people;
  end loop;
end $$;

-- Of what the viewer has in common with others: what they never find.
create function door.kept_back() returns setof uuid language sql stable security definer set search_path = public as $$
  select door.under_shelter(array(select m.couple_id from bothwell_membership m where m.person_id = door.me()), array(select door.mates()))
$$;

-- Lines of the viewer's own log about what one of these did under shelter.
create function door.lines_kept_back() returns setof uuid language sql stable security definer set search_path = public as $$
  select a.id from bothwell_shelter s join bothwell_auditentry a on a.actor_id = s.subject_id and a.subject_id = door.me()
    and a.at >= s.recorded_at and a.at < coalesce(s.until, 'infinity')
  where s.subject_id in (select door.mates())
$$;

-- Whether a gift to a partner stays unseen: given under shelter, or given before and not opened by them when it began.
-- What goes on changing (when a session is, whether a decision stands) stays unseen though it was opened.
create function door.is_kept_back(giver uuid, item uuid, kind text, given_at timestamptz, receiver uuid) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select 1 from bothwell_shelter s where s.subject_id = giver and given_at < coalesce(s.until, 'infinity')
    and not (given_at < s.recorded_at and kind not in ('dosing.time', 'decision.status')
             and exists (select 1 from bothwell_receipt r where r.author_id = receiver and r.item_id = item and r.recorded_at < s.recorded_at)))
$$;

create function door.own_couples() returns setof uuid language sql stable security definer set search_path = public as $$
  select n.couple_id from bothwell_membership n where n.person_id in (select door.intimates())
$$;

create function door.couples_now() returns setof uuid language sql stable security definer set search_path = public as $$
  select m.couple_id from bothwell_membership m join bothwell_couple c on c.id = m.couple_id and c.parted_at is null
  where m.person_id = door.me()
$$;

-- Roles held towards a couple now, by an assignment to it or to one of the two; never towards one's own.
create function door.held_couples() returns table (role text, couple uuid) language sql stable security definer set search_path = public as $$
  select a.role::text, coalesce(a.couple_id, m.couple_id) from bothwell_assignment a
  left join bothwell_membership m on m.person_id = a.subject_id
  where a.staff_id = door.me() and a.since <= now() and (a.until is null or a.until > now())
    and coalesce(a.couple_id, m.couple_id) is not null
    and not exists (select 1 from bothwell_membership n where n.couple_id = coalesce(a.couple_id, m.couple_id)
                    and n.person_id in (select door.intimates()))
$$;

-- The two of a couple that has parted, to who is its couples therapist still: its notes and plans are theirs to read, and are
-- read by name. Nothing else about either is opened by it.
create function door.parted_in_care() returns setof uuid language sql stable security definer set search_path = public as $$
  select m.person_id from door.held_couples() h join bothwell_couple c on c.id = h.couple and c.parted_at is not null
  join bothwell_membership m on m.couple_id = c.id
  where h.role = 'couples_therapist'
$$;

-- Of a couple in the viewer's care: what stays off a sheet that both will read. Never to be shown to anybody.
create function door.withheld(of_couple uuid) returns setof uuid language plpgsql stable security definer set search_path = public as $$
begin
  if of_couple not in (select h.couple from door.held_couples() h)
     and not exists (select 1 from bothwell_breakglass b where b.couple_id = of_couple and b.author_id = door.me() and b.expires_at > now())
  then return; end if;
  return query
  select door.under_shelter(array[of_couple], array(select m.person_id from bothwell_membership m where m.couple_id = of_couple))
  union all
  select g.item_id from bothwell_grant g join bothwell_membership m on m.couple_id = g.couple_id and m.person_id <> g.subject_id
  where g.couple_id = of_couple and g.audience = 'partner' and g.revoked_at is null
    and door.is_kept_back(g.subject_id, g.item_id, g.item_kind, g.recorded_at, m.person_id);
end $$;

-- Whether what belongs to both must stay where it is, though both have signed since then. The lead learns yes or no: not
-- whether for a shelter or a hold, nor for whose sake. A yes that was said while one was sheltered is not a free one.
create function door.not_now(of_couple uuid, since timestamptz) returns boolean language plpgsql stable security definer set search_path = public as $$
begin
  if 'lead' <> all(array(select door.clinic_roles())) or of_couple in (select door.own_couples())
     or of_couple not in (select c.id from bothwell_couple c where c.clinic_id = door.clinic()) then return true; end if;
  return exists (select 1 from bothwell_shelter s join bothwell_membership m on m.person_id = s.subject_id
                 where m.couple_id = of_couple and coalesce(s.until, 'infinity') > since)
      or exists (select 1 from bothwell_couplehold h where h.couple_id = of_couple
                 and not exists (select 1 from bothwell_coupleholdlifted l where l.hold_id = h.id));
end $$;

------------------------------------------------------------------------------------------------ the leaves: reading
-- People whose items of this kind the viewer sees by relation, release, dosing day, call or task to be done, or break-glass.
create function door.subjects(wanted text) returns setof uuid language plpgsql stable security definer set search_path = public as $$
declare
  viewer uuid := door.me();
begin
  if viewer is null then return; end if;
  return query
  with ways as materialized (select r.relation, r.way, r.class from door.reads() r where r.kind = wanted),
  held as materialized (select h.role, h.subject from door.held() h)
  select viewer from ways w where w.relation = 'self' and w.way = 'Y'
  union
  select p from ways w, door.partners(true) p where w.relation = 'partner' and w.way = 'Y'
  union
  select p from ways w, door.partners(false) p
  where w.relation = 'ex_partner' and w.way = 'Y' and p not in (select door.partners(true))
  union
  select h.subject from held h join ways w on w.relation = h.role and w.way = 'Y'
  union
  select h.subject from held h join ways w on w.relation = h.role and w.way = 'R'
    and not (wanted = 'measure.relationship' and h.role = 'couples_therapist')  -- door.since_the_two_began() has those
  join bothwell_consent k on k.subject_id = h.subject and k.release_class = w.class and k.release_to = h.role
                         and k.withdrawn_at is null
  union
  select h.subject from held h join ways w on w.relation = h.role and w.way = 'D'
  join bothwell_dosingsession s on s.subject_id = h.subject
  join bothwell_clinic c on c.id = s.clinic_id
  where (s.scheduled_at at time zone c.timezone)::date = (now() at time zone c.timezone)::date and s.outcome <> 'cancelled'
  union
  select g.subject_id from bothwell_breakglass g join ways w on w.way = 'B'
  where g.author_id = viewer and g.expires_at > now() and g.subject_id is not null
    and g.subject_id not in (select door.intimates())
    and (w.relation in (select door.clinic_roles())
         or exists (select 1 from held h where h.role = w.relation and h.subject = g.subject_id));
  if exists (select 1 from door.reads() r where r.kind = wanted and r.way = 'L') then
    return query
    select distinct s.subject_id from bothwell_dosingsession s
    where s.subject_id in (select h.subject from door.held() h join door.reads() r
                           on r.kind = wanted and r.way = 'L' and r.relation = h.role)
      and s.started_at is not null and s.ended_at is not null and s.outcome in ('discharged', 'left_early')
      and not exists (select 1 from bothwell_nextdaycall c where c.session_id = s.id and c.is_closed);
  end if;
end $$;

-- Answers about the relationship, and requests for them, as a couples therapist sees them: released to them, and not older
-- than the couple, for earlier ones are about somebody else.
create function door.since_the_two_began() returns setof uuid language sql stable security definer set search_path = public as $$
  with released as (
    select h.subject, c.formed_at from door.held() h
    join bothwell_membership m on m.person_id = h.subject
    join bothwell_couple c on c.id = m.couple_id and c.parted_at is null
    where h.role = 'couples_therapist'
      and exists (select 1 from bothwell_consent k where k.subject_id = h.subject and k.release_class = 'relationship_scores'
                  and k.release_to = 'couples_therapist' and k.withdrawn_at is null))
  select r.id from bothwell_response r join released on r.subject_id = released.subject and r.sent_at >= released.formed_at
  where r.kind = 'measure.relationship' and r.status = 'sent'
  union all
  select q.id from bothwell_request q join released on q.subject_id = released.subject and q.due_at >= released.formed_at
  where q.kind = 'measure.relationship'
$$;

-- Releases to a couples therapist that had ended before this couple began: no business of theirs.
create function door.before_the_two_began() returns setof uuid language sql stable security definer set search_path = public as $$
  select k.id from door.held() h
  join bothwell_membership m on m.person_id = h.subject
  join bothwell_couple c on c.id = m.couple_id and c.parted_at is null
  join bothwell_consent k on k.subject_id = h.subject and k.withdrawn_at < c.formed_at
  where h.role = 'couples_therapist' and k.release_to = 'couples_therapist'
$$;

-- People towards whom the viewer holds a role that sees what it wrote itself.
create function door.as_author(wanted text) returns setof uuid language sql stable security definer set search_path = public as $$
  select h.subject from door.held() h join door.reads() r on r.kind = wanted and r.way = 'A' and r.relation = h.role
$$;

-- Whether a role held in the clinic as a whole shows items of this kind (of anyone but intimates).
create function door.everywhere(wanted text) returns boolean language sql stable security definer set search_path = public as $$
  select exists (select 1 from door.reads() r where r.kind = wanted and r.way = 'Y'
                 and r.relation in (select door.clinic_roles()))
$$;

-- Gifts of the viewer's partner, as the viewer has them now. Newer words that shelter keeps back are as if never given: then
-- the gift before them stands, however often that was done.
create function door.given_by_partners(wanted text) returns setof uuid language plpgsql stable security definer set search_path = public as $$
declare
  viewer uuid := door.me();
begin
  if viewer is null then return; end if;
  return query
  with recursive found as (
    select g.id, g.opens_at, g.replaces_id,
           door.is_kept_back(g.subject_id, g.item_id, g.item_kind, g.recorded_at, viewer) as hidden
    from bothwell_grant g
    join bothwell_couple c on c.id = g.couple_id and c.parted_at is null
    where g.audience = 'partner' and g.item_kind = wanted and g.revoked_at is null
      and exists (select 1 from door.reads() r where r.kind = wanted and r.way = 'G' and r.relation = 'partner')
      and g.subject_id in (select door.partners(true))
      and exists (select 1 from bothwell_membership m where m.couple_id = g.couple_id and m.person_id = viewer)
      and exists (select 1 from bothwell_membership m where m.couple_id = g.couple_id and m.person_id = g.subject_id)
    union all
    select o.id, o.opens_at, o.replaces_id,
           door.is_kept_back(o.subject_id, o.item_id, o.item_kind, o.recorded_at, viewer)
    from found f join bothwell_grant o on o.id = f.replaces_id
    where f.hidden)
  select f.id from found f where not f.hidden and f.opens_at <= now();
end $$;

-- Whether a gift of the viewer's own may take the place of this one: it stands, and is of the same kind, to the same audience.
create function door.may_replace(older uuid, kind text, to_whom text, within uuid) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select 1 from bothwell_grant g where g.id = older and g.subject_id = door.me() and g.revoked_at is null
                 and g.item_kind = kind and g.audience = to_whom
                 -- One's own therapist stays, whatever couple one is in.
                 and (g.audience = 'individual_therapist' or g.couple_id is not distinct from within))
$$;

-- Items of this kind that a grant opens to the viewer now.
create function door.granted(wanted text) returns setof uuid language plpgsql stable security definer set search_path = public as $$
declare
  viewer uuid := door.me();
begin
  if viewer is null then return; end if;
  return query
  with ways as materialized (select r.relation from door.reads() r where r.kind = wanted and r.way = 'G'),
  held as materialized (select h.role, h.subject from door.held() h)
  select g.item_id from bothwell_grant g where g.id in (select door.given_by_partners(wanted))
  union
  select g.item_id from bothwell_grant g
  join ways w on w.relation = g.audience
  join held h on h.role = g.audience and h.subject = g.subject_id
  left join bothwell_couple c on c.id = g.couple_id
  where g.audience <> 'partner' and g.item_kind = wanted and g.revoked_at is null and g.opens_at <= now()
    and (g.audience = 'individual_therapist' or (c.id is not null and c.parted_at is null
         and exists (select 1 from bothwell_membership m where m.couple_id = c.id and m.person_id = g.subject_id)));
end $$;

-- What the viewer has read and its author has since put into newer words that the viewer has now: nothing was taken back.
create function door.renewed(wanted text) returns setof uuid language sql stable security definer set search_path = public as $$
  with recursive newer as (
    select g.replaces_id as older from bothwell_grant g
    where g.replaces_id is not null and g.item_kind = wanted and g.opens_at <= now()
      -- A partner's may have ended for the giver: what shelter keeps back stands in its place.
      and (g.id in (select door.given_by_partners(wanted))
           or (g.audience <> 'partner' and g.revoked_at is null and g.item_id in (select door.granted(wanted))))
    union
    select o.replaces_id from newer n join bothwell_grant o on o.id = n.older where o.replaces_id is not null)
  select o.item_id from newer n join bothwell_grant o on o.id = n.older
  where exists (select 1 from bothwell_receipt r where r.author_id = door.me() and r.item_id = o.item_id)
$$;

create function door.couples(wanted text) returns setof uuid language plpgsql stable security definer set search_path = public as $$
declare
  viewer uuid := door.me();
begin
  if viewer is null then return; end if;
  return query
  with ways as materialized (select r.relation, r.way, r.class from door.reads() r where r.kind = wanted),
  held as materialized (select h.role, h.couple from door.held_couples() h)
  select m.couple_id from bothwell_membership m join bothwell_couple c on c.id = m.couple_id
  join ways w on w.way = 'Y' and w.relation = case when c.parted_at is null then 'self' else 'ex_partner' end
  where m.person_id = viewer
  union
  select h.couple from held h join ways w on w.relation = h.role and w.way = 'Y'
  union
  select h.couple from held h join ways w on w.relation = h.role and w.way = 'R'
  where 2 = (select count(distinct k.subject_id) from bothwell_membership m
             join bothwell_consent k on k.subject_id = m.person_id and k.release_class = w.class
              and k.release_to = h.role and k.withdrawn_at is null
             where m.couple_id = h.couple)
  union
  select g.couple_id from bothwell_breakglass g join ways w on w.way = 'B'
  where g.author_id = viewer and g.expires_at > now() and g.couple_id is not null
    and not exists (select 1 from bothwell_membership n where n.couple_id = g.couple_id
                    and n.person_id in (select door.intimates()))
    and (w.relation in (select door.clinic_roles())
         or exists (select 1 from held h where h.role = w.relation and h.couple = g.couple_id));
end $$;

-- Couples that had the viewer in them, as far as `C` reaches: what they wrote themselves, and what they had opened. Whether
-- the other had opened it too is not asked: that something stays, or is gone, would tell what the other had read.
create function door.parted_couples() returns setof uuid language sql stable security definer set search_path = public as $$
  select m.couple_id from bothwell_membership m join bothwell_couple c on c.id = m.couple_id
  where m.person_id = door.me() and c.parted_at is not null
$$;
create function door.seen_by_me() returns setof uuid language sql stable security definer set search_path = public as $$
  select item_id from bothwell_receipt where author_id = door.me()
$$;

-- Couples towards which a role held now sees items of this kind; never one's own.
create function door.couples_in_care(wanted text) returns setof uuid language sql stable security definer set search_path = public as $$
  select h.couple from door.held_couples() h join door.reads() r on r.kind = wanted and r.way = 'Y' and r.relation = h.role
$$;

-- What a line of the log may name in the place of a person: holds and words said alone of one's own circle, and its couples.
create function door.of_intimates() returns setof uuid language sql stable security definer set search_path = public as $$
  select door.own_couples()
  union all select h.id from bothwell_legalhold h where h.subject_id in (select door.intimates())
  union all select i.id from bothwell_individualcontact i where i.subject_id in (select door.intimates())
$$;

-- The leads of the clinic who are not close to either of a couple in the viewer's care: with whom one may speak of it.
create function door.leads_for(of_couple uuid) returns setof uuid language sql stable security definer set search_path = public as $$
  select r.person_id from bothwell_staffrole r
  where of_couple in (select h.couple from door.held_couples() h) and r.clinic_id = door.clinic() and r.role = 'lead'
    and r.since <= now() and (r.until is null or r.until > now())
    and not exists (select 1 from bothwell_membership m where m.couple_id = of_couple and m.person_id in (
      select door.with_their_mates(array(
        select r.person_id union select c.subject_id from bothwell_closeto c where c.staff_id = r.person_id and c.until is null))))
$$;

-- Whether what one is in the clinic shows, or may write, things of the clinic's stock.
create function door.stock(wanted text) returns boolean language sql stable security definer set search_path = public as $$
  select exists (select 1 from door.reads() r where r.kind = wanted and r.way = 'Y' and r.relation in (select door.staff_roles()))
$$;
create function door.stocks(wanted text) returns boolean language sql stable security definer set search_path = public as $$
  select exists (select 1 from door.writes_by() w where w.kind = wanted and w.relation in (select door.staff_roles()))
$$;

------------------------------------------------------------------------------------------------ the leaves: writing
create function door.writes(wanted text) returns setof uuid language plpgsql stable security definer set search_path = public as $$
declare
  viewer uuid := door.me();
begin
  if viewer is null then return; end if;
  return query
  with who as materialized (select w.relation from door.writes_by() w where w.kind = wanted)
  select viewer from who where relation = 'self'
  union
  select p from who, door.partners(true) p where relation = 'partner'
  union
  select h.subject from door.held() h join who on relation = h.role;
end $$;

create function door.writes_couples(wanted text, may_be_parted boolean) returns setof uuid language plpgsql stable security definer set search_path = public as $$
declare
  viewer uuid := door.me();
begin
  if viewer is null then return; end if;
  return query
  with who as materialized (select w.relation from door.writes_by() w where w.kind = wanted),
  reach as (
    select m.couple_id as couple from who, bothwell_membership m where relation = 'self' and m.person_id = viewer
    union
    select h.couple from door.held_couples() h join who on relation = h.role
  )
  select r.couple from reach r join bothwell_couple c on c.id = r.couple where may_be_parted or c.parted_at is null;
end $$;

create function door.writes_everywhere(wanted text) returns boolean language sql stable security definer set search_path = public as $$
  select exists (select 1 from door.writes_by() w where w.kind = wanted and w.relation in (select door.clinic_roles()))
$$;

-- Whether somebody, or a place, has anything else at a time: yes or no, never what. Asked by who makes appointments: of a
-- person in their care, of themselves, or (the office) of any colleague. A visit is taken to last as long as whoever asks says.
create function door.is_taken(who uuid, starts_at timestamptz, ends_at timestamptz, visit interval, but_not uuid) returns boolean
language sql stable security definer set search_path = public as $$
  select
    ((who = door.me() or who in (select door.writes('appointment'))
      or (door.writes_everywhere('appointment') and who not in (select door.intimates())
          and who in (select p.id from bothwell_person p where p.clinic_id = door.clinic())))
     and (exists (select 1 from bothwell_appointment a where a.subject_id = who and a.id <> but_not
                  and a.state = 'planned' and a.at < ends_at and a.at + a.minutes * interval '1 minute' > starts_at)
       or exists (select 1 from bothwell_dosingsession s where s.subject_id = who and s.outcome <> 'cancelled' and s.ended_at is null
                  and s.scheduled_at < ends_at and s.scheduled_at + visit > starts_at)
       or exists (select 1 from bothwell_couplesession t join bothwell_membership m on m.couple_id = t.couple_id and m.person_id = who
                  join bothwell_couple c on c.id = t.couple_id and c.parted_at is null
                  where t.state = 'planned' and t.at < ends_at and t.at + t.minutes * interval '1 minute' > starts_at)))
    or
    ((who = door.me() or (door.writes_everywhere('appointment')
                          and who in (select p.id from bothwell_person p where p.clinic_id = door.clinic() and p.kind = 'staff')))
     and (exists (select 1 from bothwell_appointment a where a.staff_id = who and a.id <> but_not
                  and a.state = 'planned' and a.at < ends_at and a.at + a.minutes * interval '1 minute' > starts_at)
       or exists (select 1 from bothwell_couplesession t join bothwell_assignment g on g.couple_id = t.couple_id and g.staff_id = who
                  and g.role = 'couples_therapist' and g.since <= now() and (g.until is null or g.until > now())
                  where t.state = 'planned' and t.at < ends_at and t.at + t.minutes * interval '1 minute' > starts_at)))
$$;

-- The same of a room of the clinic, by its name: an appointment there, a couples session, or a visit. What is no room of the
-- clinic ("by telephone") is never taken.
create function door.place_is_taken(place text, starts_at timestamptz, ends_at timestamptz, visit interval, but_not uuid) returns boolean
language sql stable security definer set search_path = public as $$
  select (door.writes_everywhere('appointment') or exists (select 1 from door.writes('appointment') w where w <> door.me()))
    and exists (select 1 from bothwell_room r where r.clinic_id = door.clinic() and lower(r.name) = lower($1))
    and (exists (select 1 from bothwell_appointment a where a.clinic_id = door.clinic() and lower(a.place) = lower($1) and not a.is_video
                 and a.id <> but_not and a.state = 'planned' and a.at < ends_at and a.at + a.minutes * interval '1 minute' > starts_at)
      or exists (select 1 from bothwell_dosingsession s join bothwell_room r on r.id = s.room_id
                 where s.clinic_id = door.clinic() and lower(r.name) = lower($1) and s.outcome <> 'cancelled' and s.ended_at is null
                 and s.scheduled_at < ends_at and s.scheduled_at + visit > starts_at)
      or exists (select 1 from bothwell_couplesession t where t.clinic_id = door.clinic() and lower(t.place) = lower($1)
                 and t.state = 'planned' and t.at < ends_at and t.at + t.minutes * interval '1 minute' > starts_at))
$$;

-- What everyone may know without the row: a partner's blocked time, without content. Only what lies ahead, or is
-- open now: the past would be a count. Of somebody sheltered not even that: where they are, and when, is what to keep.
create function door.busy() returns table (subject uuid, starts_at timestamptz, is_open boolean)
language sql stable security definer set search_path = public as $$
  select s.subject_id, s.scheduled_at, s.arrived_at is not null and s.ended_at is null
  from bothwell_dosingsession s
  where s.clinic_id = door.clinic() and s.outcome <> 'cancelled'
    and (s.scheduled_at > now() - interval '1 day' or (s.arrived_at is not null and s.ended_at is null))
    and s.subject_id not in (select door.sheltered())
    and (s.subject_id in (select door.subjects('dosing.busy'))
         or (door.everywhere('dosing.busy') and s.subject_id not in (select door.intimates())))
$$;

-- The months between these moments, as YYYY-MM, whose readings were put away: their table is no longer in its place, and
-- either stands in the archive or, where it was removed, the clinic's log says where it went.
create function door.months_away(first timestamptz, last timestamptz) returns setof text
language sql stable security definer set search_path = public as $$
  select to_char(m, 'YYYY-MM')
  from generate_series(date_trunc('month', first at time zone 'UTC'), last at time zone 'UTC', interval '1 month') as m
  where not exists (select 1 from pg_tables t where t.schemaname = 'months' and t.tablename = to_char(m, '"sample_"YYYY_MM'))
    and (exists (select 1 from pg_tables t where t.schemaname = 'archive' and t.tablename = to_char(m, '"sample_"YYYY_MM'))
      or exists (select 1 from bothwell_auditentry a where a.clinic_id = (select door.clinic()) and a.service = 'archive'
                 and a.action = 'put readings of ' || to_char(m, 'YYYY-MM') || ' away'))
$$;

-- The couple this person is in now, which a course, and so a session, may be older than. For the rules alone.
create function door.couple_of(who uuid) returns uuid language sql stable security definer set search_path = public as $$
  select m.couple_id from bothwell_membership m join bothwell_couple c on c.id = m.couple_id and c.parted_at is null
  where m.person_id = who and m.until is null
$$;

-- Whether a session of the viewer's couple-mate, or of the couple of somebody they treat, is open now: yes or no. Asked of the
-- couple that stands on the session, and of the one this person is in now.
create function door.couple_has_open_session(of_couple uuid, but_not uuid) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (
    select 1 from (select of_couple union select door.couple_of(but_not)) as asked (couple)
    join bothwell_membership their on their.couple_id = asked.couple and their.person_id <> but_not
    join bothwell_dosingsession s on s.subject_id = their.person_id
      and (s.couple_id = asked.couple or door.couple_of(s.subject_id) = asked.couple)
    where s.arrived_at is not null and s.ended_at is null and s.subject_id not in (select door.sheltered())
      and (asked.couple in (select h.couple from door.held_couples() h
                            join door.reads() r on r.kind = 'dosing.busy' and r.relation = h.role and r.way = 'Y')
           or exists (select 1 from bothwell_membership m join bothwell_couple c on c.id = m.couple_id
                      where m.person_id = door.me() and m.couple_id = asked.couple and c.parted_at is null)
           or (door.everywhere('dosing.busy') and asked.couple not in (select door.own_couples())
               and asked.couple in (select k.id from bothwell_couple k where k.clinic_id = door.clinic()))))
$$;

-- Tells the open pages of exactly those a grant of the viewer's own is for; on taking back, only those who had
-- opened the item: to anyone else even the moment of a change would say that there was something. What shelter keeps back
-- wakes nobody; what was read before it and is taken back leaves their open page at once, as it would leave the next, earlier
-- words too that stood there in the place of newer ones (door.given_by_partners).
create function door.tell_audience(granted uuid, only_who_opened boolean) returns void
language sql security definer set search_path = public as $$
  with recursive reached as (
    select who.id as who, g.item_id, g.opens_at, g.replaces_id, who.hidden
    from bothwell_grant g
    join lateral (
      select m.person_id as id, door.is_kept_back(g.subject_id, g.item_id, g.item_kind, g.recorded_at, m.person_id) as hidden
      from bothwell_membership m
      join bothwell_couple c on c.id = m.couple_id and c.parted_at is null
      where g.audience = 'partner' and m.couple_id = g.couple_id and m.person_id <> g.subject_id
      union
      select a.staff_id, false from bothwell_assignment a
      where a.role = g.audience and a.since <= now() and (a.until is null or a.until > now())
        and (a.subject_id = g.subject_id or a.couple_id = g.couple_id)
    ) who on true
    where g.id = granted and g.subject_id = door.me()
    union all
    select r.who, o.item_id, o.opens_at, o.replaces_id,
           door.is_kept_back(o.subject_id, o.item_id, o.item_kind, o.recorded_at, r.who)
    from reached r join bothwell_grant o on o.id = r.replaces_id
    where r.hidden and only_who_opened)
  select pg_notify('bothwell', 'person:' || r.who::text)
  from reached r
  where not r.hidden and r.opens_at <= now()
    and (not only_who_opened
         or exists (select 1 from bothwell_receipt read where read.author_id = r.who and read.item_id = r.item_id))
$$;

-- Tells the open pages of the clinic's leads that something of a safety task has changed, but for leads who are or were a
-- couple with whom it is about, or are close to either. Asked by who may raise such a task; who was told, and who not, is told to nobody.
create function door.tell_leads(about uuid) returns void language sql security definer set search_path = public as $$
  select pg_notify('bothwell', 'person:' || r.person_id::text)
  from (select distinct l.person_id from bothwell_staffrole l where l.clinic_id = door.clinic() and l.role = 'lead'
        and l.since <= now() and (l.until is null or l.until > now())) r
  where about in (select door.writes('suicide.flag'))
    and about not in (select door.with_their_mates(array(
      select r.person_id union select c.subject_id from bothwell_closeto c where c.staff_id = r.person_id and c.until is null)))
$$;

-- "Decided" or "not yet", opened by the person it concerns.
create function door.decided(decision uuid) returns boolean language sql stable security definer set search_path = public as $$
  select (select count(*) = 3 and bool_and(g.verdict = 'proceed') from bothwell_decisionsignature g where g.decision_id = d.id)
  from bothwell_jointdecision d
  where d.id = decision and (d.subject_id in (select door.subjects('decision.status'))
                             or d.id in (select door.granted('decision.status')))
$$;

-- Whether a couples session was held since this course came to integration: yes or no, for everybody who sees where the
-- course stands, so that a step is open or shut alike to all who may take it. When and what it was stays in the couple's chart.
-- Of the couple they are in now; for who is in none, of the one the course began in. A hold and its end are no new beginning.
create function door.couples_session_held(of_course uuid) returns boolean language sql stable security definer set search_path = public as $$
  select exists (
    select 1 from bothwell_course c
    join bothwell_couplesession s on s.couple_id = coalesce(door.couple_of(c.subject_id), c.couple_id) and s.state = 'held'
    where c.id = of_course and c.clinic_id = door.clinic()
      and s.at >= (select t.recorded_at from bothwell_step t where t.course_id = c.id and t.event = 'advance'
                   and t.to_phase = 'individual_integration' order by t.number desc limit 1)
      and (c.subject_id in (select door.subjects('pathway'))
           or (door.everywhere('pathway') and c.subject_id not in (select door.intimates()))))
$$;

-- Open courses as the office needs them: whether one waits at the referral, and whether sessions may be planned in it now,
-- which is from the joint decision to go on (`steps.takes_sessions` says the same).
-- Where it stands otherwise, its route and its steps are not the office's.
create function door.office_courses() returns table (course uuid, subject uuid, couple uuid, protocol uuid, is_referral boolean,
    takes_sessions boolean, steps_seen integer)
language sql stable security definer set search_path = public as $$
  select c.id, c.subject_id, c.couple_id, c.protocol_id, c.phase = 'referral' and c.state = 'active',
         c.state = 'active' and c.phase not in ('referral', 'evaluation', 'joint_decision', 'ended'),
         case when c.phase = 'referral' then c.steps_taken end
  from bothwell_course c
  where c.clinic_id = door.clinic() and c.state in ('active', 'on_hold')
    and 'coordinator' in (select door.clinic_roles()) and c.subject_id not in (select door.intimates())
$$;

-- The one step the office takes: from the referral to the evaluation. Whether it moved; the step itself is added as any other.
create function door.begin_evaluation(of_course uuid, seen integer) returns boolean language sql volatile security definer set search_path = public as $$
  with moved as (
    update bothwell_course c set phase = 'evaluation', steps_taken = c.steps_taken + 1
    where c.id = (select o.course from door.office_courses() o where o.course = of_course and o.is_referral and o.steps_seen = seen)
      and c.steps_taken = seen and c.phase = 'referral' and c.state = 'active'
    returning 1)
  select exists (select 1 from moved)
$$;

-- Whether the viewer, of the office, took this very step: a form sent twice is answered as the first time. What a step says
-- makes its number (`course_actions.step_id`), so that no word of it is read here.
create function door.office_took_step(step uuid) returns boolean language sql stable security definer set search_path = public as $$
  select exists (select 1 from bothwell_step s
                 where s.id = step and s.author_id = (select door.me()) and s.course_id in (select o.course from door.office_courses() o))
$$;

------------------------------------------------------------------------------------------------- policies, by table
-- One template. `reading`: `person:<kind>` or `couple:<kind>`, several joined by commas when the row's own column
-- `kind` chooses; `writing` likewise (`-`: the viewer never inserts); `author`: who the row must name as its author.
-- What is said to one, or by one, within a couple's work (`one of a couple`) names both: it stays with those who care for
-- that couple, and does not follow the person into the next.
create function door.leaf(about text, kind text) returns text language sql immutable as $$
  select case about
    when 'one of a couple' then format(
      '(subject_id = (select door.me()) or couple_id = any(array(select door.couples_in_care(%1$L)))'
      || case when exists (select 1 from door.reads() r where r.kind = $2 and r.way = 'Y' and r.relation in ('lead', 'coordinator'))
         then ' or ((select door.everywhere(%1$L)) and couple_id is not null and couple_id <> all(array(select door.own_couples())))' else '' end
      || ')', kind)
    when 'person' then format(
      '(subject_id = any(array(select door.subjects(%1$L)))'
      || case when exists (select 1 from door.reads() r where r.kind = $2 and r.way = 'Y' and r.relation in ('lead', 'coordinator'))
         then ' or ((select door.everywhere(%1$L)) and subject_id <> all(array(select door.intimates())))' else '' end
      || case when exists (select 1 from door.reads() r where r.kind = $2 and r.way = 'G')
         then ' or id = any(array(select door.granted(%1$L)))' else '' end
      || case when exists (select 1 from door.reads() r where r.kind = $2 and r.way = 'A')
         then ' or (author_id = (select door.me()) and subject_id = any(array(select door.as_author(%1$L))))' else '' end
      || ')', kind)
    else format(
      '(couple_id = any(array(select door.couples(%1$L)))'
      || case when exists (select 1 from door.reads() r where r.kind = $2 and r.way = 'Y' and r.relation in ('lead', 'coordinator'))
         then ' or ((select door.everywhere(%1$L)) and couple_id <> all(array(select door.own_couples())))' else '' end
      || case when exists (select 1 from door.reads() r where r.kind = $2 and r.way = 'C')
         then ' or (couple_id = any(array(select door.parted_couples())) and (author_id = (select door.me()) or id = any(array(select door.seen_by_me()))))'
         else '' end
      || ')'
      || case when $2 in ('couple.shared', 'message.couple', 'couple.request') then ' and id <> all(array(select door.kept_back()))' else '' end, kind)
  end
$$;

-- `about` other than `person`, `couple` and `one of a couple` is a couple's that may have parted.
create function door.write_leaf(about text, kind text) returns text language sql immutable as $$
  select case about
    when 'person' then format(
      '(subject_id = any(array(select door.writes(%1$L))) or ((select door.writes_everywhere(%1$L)) and subject_id <> all(array(select door.intimates()))))', kind)
    when 'couple' then format('couple_id = any(array(select door.writes_couples(%1$L, false)))', kind)
    when 'one of a couple' then format(
      '((subject_id = any(array(select door.writes(%1$L))) and couple_id = any(array(select door.writes_couples(%1$L, false))))
        or ((select door.writes_everywhere(%1$L)) and couple_id <> all(array(select door.own_couples()))
            and couple_id in (select c.id from bothwell_couple c where c.parted_at is null)))
       and (couple_id, subject_id) in (select m.couple_id, m.person_id from bothwell_membership m)', kind)
    else format(
      '(couple_id = any(array(select door.writes_couples(%1$L, true))) or ((select door.writes_everywhere(%1$L)) and couple_id <> all(array(select door.own_couples()))))', kind)
  end
$$;

do $$
declare
  t record;
  reading text;
  writing text;
begin
  for t in
    select * from (values
    -- table,                      about,    read as,              written as,           update as,  columns that may change
    ('bothwell_contact',              'person', 'person.contact',     'person.contact',     'full_name,born_on,safe_email,safe_phone,may_leave_message,call_me,wants_reminders,changed_at'),
    ('bothwell_consentreaffirmation', 'person', 'consent',            'consent.reaffirmed', ''),
    ('bothwell_medicalfact',          'person', 'medical',            'medical',            ''),
    ('bothwell_resolution',           'person', 'medical',            'order',              ''),
    ('bothwell_order',                'person', 'medical',            'order',              ''),
    ('bothwell_orderwithdrawn',       'person', 'medical',            'order',              ''),
    ('bothwell_preparation',          'person', 'preparation',        'preparation',        ''),
    ('bothwell_course',               'person', 'pathway',            'pathway',            'route,phase,state,sessions_planned,steps_taken'),
    ('bothwell_step',                 'person', 'pathway',            'pathway',            ''),
    ('bothwell_jointdecision',        'person', 'decision',           'decision',           ''),
    ('bothwell_decisionsignature',    'person', 'decision',           'decision.signature', ''),
    ('bothwell_dosingsession',        'person', 'dosing.time',        'dosing.time',        'order_id,room_id,scheduled_at,arrived_at,started_at,ended_at,outcome'),
    ('bothwell_gatecheck',            'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_administration',       'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_vialuse',              'person', 'vials.use',          'vials.use',          ''),
    ('bothwell_discharge',            'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_sessionsummary',       'person', 'dosing.summary',     'dosing.summary',     ''),
    ('bothwell_binding',              'person', 'dosing.flowsheet',   'dosing.flowsheet',   'until'),
    ('bothwell_sample',               'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_note',                 'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_channel',              'person', 'dosing.flowsheet',   'dosing.flowsheet',   'state'),
    ('bothwell_alarm',                'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_alarmevent',           'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_alarmsetting',         'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_adverseevent',         'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_nextdaycall',          'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_nextdaythoughts',      'person', 'call.thoughts',      'dosing.flowsheet',   ''),
    ('bothwell_programmeform',        'person', 'dosing.flowsheet',   'dosing.flowsheet',   ''),
    ('bothwell_safetyflag',           'person', 'suicide.flag',       'suicide.flag',       ''),
    ('bothwell_safetyflagclosed',     'person', 'suicide.flag',       'suicide.closed',     ''),
    ('bothwell_safetyflagacknowledged','person','suicide.flag',       'suicide.acknowledged', ''),
    ('bothwell_answered',             'person', 'draft',              'measure',            ''),
    ('bothwell_insight',              'person', 'insight',            'insight',            'set_aside_at'),
    ('bothwell_insightversion',       'person', 'insight',            'insight',            ''),
    ('bothwell_couplesession',        'couple', 'couple.shared',      'couple.shared',      'at,minutes,state,place'),
    ('bothwell_sharedsummary',        'couple', 'couple.shared',      'couple.shared',      ''),
    ('bothwell_exercisegiven',        'couple', 'couple.shared',      'couple.doing',       ''),
    ('bothwell_exercisedone',         'couple', 'couple.shared',      'couple.doing',       ''),
    ('bothwell_progressnote',         'couple', 'couple.progress',    'couple.progress',    ''),
    ('bothwell_couplepause',          'couple', 'couple.shared',      'couple.shared',      'until'),
    ('bothwell_couplehold',           'couple', 'couple.hold',        'couple.hold',        ''),
    ('bothwell_coupleholdlifted',     'couple, parted too', 'couple.hold', 'couple.hold.lifted', ''),
    ('bothwell_insightdiscussed',     'couple', 'couple.progress',    'couple.progress',    ''),
    ('bothwell_insightdraft',         'person', 'draft',              'insight',            'text,feeling,to_say,to_ask,tags,after,revision,saved_at,closed_at'),
    ('bothwell_cyclenode',            'one of a couple', 'cycle.node',         'cycle.node',         ''),
    ('bothwell_careplanitem',         'person', 'care_plan',          'care_plan',          'until'),
    ('bothwell_appointment',          'person', 'appointment',        'appointment',        'at,minutes,place,is_video,state'),
    ('bothwell_partingrequest',       'one of a couple', 'parting.asked',      'parting.asked',      'withdrawn_at'),
    ('bothwell_partinganswer',        'one of a couple', 'parting.asked',      'parting.answered',   ''),
    ('bothwell_recordrequest',        'person', 'record.request',     'record.request',     ''),
    ('bothwell_recordanswer',         'person', 'record.request',     'record.answered',    ''),
    ('bothwell_disclosure',           'person', 'disclosed',          'disclosed',          ''),
    ('bothwell_legalhold',            'person', 'legal.hold',         'legal.hold',         'until'),
    ('bothwell_closeto',              'person', 'close_to',           'close_to',           'until'),
    ('bothwell_cyclemap',             'couple', 'couple.progress',    'couple.progress',    ''),
    ('bothwell_cycleshown',           'couple', 'couple.shared',      'couple.shared',      ''),
    ('bothwell_individualcontact',    'couple', 'couple.alone',       'couple.alone',       ''),
    ('bothwell_couplecheckin',        'couple', 'couple.shared',      'couple.doing',       ''),
    ('bothwell_coupleagreement',      'couple', 'couple.shared',      'couple.doing',       ''),
    ('bothwell_agreementanswer',      'couple', 'couple.shared',      'couple.doing',       ''),
    ('bothwell_supportplan',          'couple', 'couple.shared',      'couple.shared',      ''),
    ('bothwell_warningsign',          'couple', 'couple.shared',      'couple.doing',       ''),
    ('bothwell_laidaside',            'couple', 'couple.shared',      'couple.aside',       ''),
    ('bothwell_planreview',           'couple', 'couple.shared',      'couple.doing',       ''),
    ('bothwell_jointrequest',         'couple, parted too', 'couple.request', 'couple.request', ''),
    ('bothwell_jointsignature',       'couple, parted too', 'couple.request', 'couple.signed', ''),
    ('bothwell_disclosureagreement',  'couple', 'disclosure',         'disclosure',         ''),
    ('bothwell_disclosuresignature',  'couple', 'disclosure',         'disclosure.signature', '')
    ) as c (name, about, reads, writes, updates)
  loop
    reading := door.leaf(t.about, t.reads);
    writing := door.write_leaf(t.about, t.writes);
    execute format('create policy seen on %I for select to bothwell_viewer using (clinic_id = (select door.clinic()) and %s)', t.name, reading);
    execute format('create policy added on %I for insert to bothwell_viewer with check (clinic_id = (select door.clinic()) and %s and %s)',
      t.name, writing,
      case when t.name in ('bothwell_contact') then 'true'
           when t.name = 'bothwell_couplehold' then '(author_id is null and subject_id is null)'  -- whose answer it was is told to nobody
           when t.name in ('bothwell_channel', 'bothwell_alarm', 'bothwell_alarmevent') then '(author_id is null or author_id = (select door.me()))'
           else 'author_id = (select door.me())' end);
    execute format('grant select, insert on %I to bothwell_viewer', t.name);
    if t.updates <> '' then
      execute format('create policy changed on %I for update to bothwell_viewer using (clinic_id = (select door.clinic()) and %s) with check (clinic_id = (select door.clinic()) and %s)',
        t.name, writing, writing);
      execute format('grant update (%s) on %I to bothwell_viewer', (select string_agg(quote_ident(u), ', ') from unnest(string_to_array(t.updates, ',')) u), t.name);
    end if;
  end loop;
end $$;

-- An exercise ends by the therapist's word. What one of the two chose, or a sign of one's own, is laid aside by a row of its
-- own: never the other's sign, never what the therapist gave.
create policy changed on bothwell_exercisegiven for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and couple_id = any(array(select door.writes_couples('couple.shared', false))))
  with check (clinic_id = (select door.clinic()) and couple_id = any(array(select door.writes_couples('couple.shared', false))));
grant update (until) on bothwell_exercisegiven to bothwell_viewer;
create policy of_ones_own on bothwell_laidaside as restrictive for insert to bothwell_viewer with check (
  (sign_id is null or sign_id in (select w.id from bothwell_warningsign w where w.author_id = (select door.me())))
  and (given_id is null or given_id in (select g.id from bothwell_exercisegiven g
       where g.author_id = (select door.me()) or g.author_id = any(array(select door.partners(true))))));

-- A colleague is named as close to somebody, never anybody else.
create policy of_the_staff on bothwell_closeto as restrictive for insert to bothwell_viewer with check (
  staff_id in (select p.id from bothwell_person p where p.kind = 'staff'));

-- What one signed for both is one's own to take back, at any time; never the other's.
create policy changed on bothwell_jointsignature for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and author_id = (select door.me()) and withdrawn_at is null)
  with check (clinic_id = (select door.clinic()) and author_id = (select door.me()));
grant update (withdrawn_at) on bothwell_jointsignature to bothwell_viewer;

-- A message: its own circle chooses. A partner's, of the couple's thread, like all that is shared.
do $$
declare reading text; writing text;
begin
  select string_agg(format('(kind = %L and %s)', k, door.leaf(about, k)), ' or '),
         string_agg(format('(kind = %L and %s)', k, door.write_leaf(about, k)), ' or ')
    into reading, writing from (values ('message.care', 'person'), ('message.therapist', 'person'), ('message.alone', 'one of a couple')) m (k, about);
  execute format('create policy seen on bothwell_message for select to bothwell_viewer using (clinic_id = (select door.clinic())
    and (%s or (kind = ''message.couple'' and %s)))', reading, door.leaf('couple', 'message.couple'));
  execute format('create policy added on bothwell_message for insert to bothwell_viewer with check (clinic_id = (select door.clinic())
    and author_id = (select door.me()) and (%s or (kind = ''message.couple'' and %s)))', writing, door.write_leaf('couple', 'message.couple'));
end $$;
grant select, insert on bothwell_message to bothwell_viewer;

-- A shelter: begun by its subject or by the safety circle, seen and ended by that circle alone.
do $$
begin
  execute format('create policy seen on bothwell_shelter for select to bothwell_viewer using (clinic_id = (select door.clinic()) and %s)', door.leaf('person', 'shelter'));
  execute format('create policy added on bothwell_shelter for insert to bothwell_viewer with check (clinic_id = (select door.clinic())
    and author_id = (select door.me()) and %s)', door.write_leaf('person', 'shelter'));
  execute format('create policy changed on bothwell_shelter for update to bothwell_viewer using (clinic_id = (select door.clinic()) and %1$s)
    with check (clinic_id = (select door.clinic()) and %1$s)', door.write_leaf('person', 'shelter.ended'));
end $$;
grant select, insert, update (until) on bothwell_shelter to bothwell_viewer;

-- A calendar's address is its owner's; whoever knows its secret is told, before the door, whose it is and no more.
create policy seen on bothwell_calendarfeed for select to bothwell_viewer using (clinic_id = (select door.clinic()) and subject_id = (select door.me()));
create policy added on bothwell_calendarfeed for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and subject_id = (select door.me()) and author_id = (select door.me()));
create policy changed on bothwell_calendarfeed for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and subject_id = (select door.me())) with check (clinic_id = (select door.clinic()) and subject_id = (select door.me()));
grant select, insert, update (ended_at) on bothwell_calendarfeed to bothwell_viewer;
create policy before_the_door on bothwell_calendarfeed for select to bothwell_web using (ended_at is null);
grant select (subject_id, token_hash, ended_at) on bothwell_calendarfeed to bothwell_web;

-- An insight that is granted shows its words (the version), never the sheet it lies in, nor versions not shown.
drop policy seen on bothwell_insight;
create policy seen on bothwell_insight for select to bothwell_viewer
  using (clinic_id = (select door.clinic()) and subject_id = (select door.me()));

-- People. Staff names are known in their clinic; a partner's name to those around them.
create policy seen on bothwell_person for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (
    kind = 'staff'
    or id = any(array(select door.subjects('person.name')))
    or id = any(array(select door.parted_in_care()))
    or ((select door.everywhere('person.name')) and id <> all(array(select door.intimates())))));
create policy added on bothwell_person for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and (select door.writes_everywhere('person.name')));
create policy changed on bothwell_person for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and (id = (select door.me()) or ((select door.writes_everywhere('person.name')) and id <> all(array(select door.intimates())))))
  with check (clinic_id = (select door.clinic()));
grant select, insert, update (name_used, pronouns, title) on bothwell_person to bothwell_viewer;

create policy seen on bothwell_clinic for select to bothwell_viewer using (id = (select door.clinic()));
create policy changed on bothwell_clinic for update to bothwell_viewer
  using (id = (select door.clinic()) and 'lead' = any(array(select door.clinic_roles())))
  with check (id = (select door.clinic()));
grant select, update (name, timezone, country, crisis_lines, ambient_pressure_mmhg, video_link, set_up_at) on bothwell_clinic to bothwell_viewer;

-- Staff roles, credentials, rooms, devices, protocols and consent texts: the clinic's own, no person's record.
do $$
declare t record;
begin
  for t in
    select * from (values
    ('bothwell_staffrole',       'lead',                         'until'),
    ('bothwell_credential',      'lead',                         ''),
    ('bothwell_room',            'lead coordinator',             'name'),
    ('bothwell_device',          'lead coordinator',             'name,room_id,is_retired'),
    ('bothwell_protocolversion', 'lead',                         'signed_by_id,signed_at,signed_name'),
    ('bothwell_consenttext',     'lead',                         ''),
    ('bothwell_clinicinstrument','lead',                         'retired_at,retired_by_id')
    ) as c (name, writers, updates)
  loop
    execute format('create policy seen on %I for select to bothwell_viewer using (clinic_id = (select door.clinic()))', t.name);
    execute format('create policy added on %I for insert to bothwell_viewer with check (clinic_id = (select door.clinic()) and array(select door.clinic_roles()) && string_to_array(%L, '' ''))', t.name, t.writers);
    execute format('grant select, insert on %I to bothwell_viewer', t.name);
    if t.updates <> '' then
      execute format('create policy changed on %I for update to bothwell_viewer using (clinic_id = (select door.clinic()) and array(select door.clinic_roles()) && string_to_array(%L, '' '')) with check (clinic_id = (select door.clinic()))', t.name, t.writers);
      execute format('grant update (%s) on %I to bothwell_viewer', t.updates, t.name);
    end if;
  end loop;
end $$;

-- Drafts of a protocol's next version: the leads' alone, until one is signed or laid aside.
create policy seen on bothwell_protocoldraft for select to bothwell_viewer using (clinic_id = (select door.clinic()) and 'lead' = any(array(select door.clinic_roles())));
create policy added on bothwell_protocoldraft for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and begun_by_id = (select door.me()) and 'lead' = any(array(select door.clinic_roles())) and closed_at is null);
create policy changed on bothwell_protocoldraft for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and 'lead' = any(array(select door.clinic_roles())) and closed_at is null)
  with check (clinic_id = (select door.clinic()) and 'lead' = any(array(select door.clinic_roles())));
grant select, insert, update (revision, edits, saved_at, closed_at, became_id) on bothwell_protocoldraft to bothwell_viewer;

-- How many charted doses of a kind that is drawn from vials have no draw in the ledger, since the day the clinic's first vial came: a
-- number alone, for those who keep the ledger. `dosing/syringe_actions.py` shows each to whoever cares for that person. Of whoever
-- the one who looks is close to, the number does not tell either.
create function door.undrawn() returns bigint language sql stable security definer set search_path = public as $$
  select count(*) from bothwell_dosingsession s join bothwell_clinic c on c.id = s.clinic_id
  where s.clinic_id = (select door.clinic()) and (select door.stock('vials')) and s.subject_id <> all(array(select door.intimates()))
    and (s.started_at at time zone c.timezone)::date
        >= (select min(v.received_on) from bothwell_vial v where v.clinic_id = (select door.clinic()))
    and exists (select 1 from bothwell_administration a left join bothwell_order o on o.id = s.order_id
                where a.session_id = s.id and a.at = s.started_at and a.event in ('start', 'given') and a.dose_mg > 0
                  and a.route in ('iv', 'im') and (o.id is null or lower(a.substance) = lower(o.product)))
    and not exists (select 1 from bothwell_vialuse u join bothwell_vialevent e on e.id = u.event_id
                    where u.session_id = s.id and e.kind = 'draw'
                      and not exists (select 1 from bothwell_vialevent b where b.corrects_id = e.id))
$$;

-- In how many sessions every syringe is accounted for and the ledger gave something else than ran in by the chart: to a syringe's own
-- step, and of an infusion stopped before its end, which is reckoned by its charted rates and times, to a step and 5 % of the dose. Where
-- a rate is not charted, or is not the bag's, nobody can say, and only more than was charted is at odds. A number, likewise.
-- `Charted.differs` (dosing/syringe_actions.py) says the same, and is what is shown to whoever cares for that person.
create function door.at_odds() returns bigint language sql stable security definer set search_path = public as $$
  with dose as (
    select distinct on (s.id) s.id, s.started_at, lower(a.substance) as substance, o.minutes
    from bothwell_dosingsession s join bothwell_administration a on a.session_id = s.id and a.at = s.started_at
    left join bothwell_order o on o.id = s.order_id
    where s.clinic_id = (select door.clinic()) and (select door.stock('vials')) and s.subject_id <> all(array(select door.intimates()))
      and a.event in ('start', 'given') and a.dose_mg > 0 and a.route in ('iv', 'im')
      and (o.id is null or lower(a.substance) = lower(o.product))
    order by s.id, a.recorded_at
  ), moved as (
    select u.session_id, coalesce(sum(e.amount_ug) filter (where e.kind = 'draw'), 0) as drawn,
      coalesce(sum(e.amount_ug) filter (where e.kind = 'administer'), 0) as given,
      coalesce(sum(e.amount_ug) filter (where e.kind in ('waste', 'dead_space')), 0) as lost,
      max(v.ug_per_ml * 10 / 1000) filter (where e.kind = 'draw') as step
    from dose join bothwell_vialuse u on u.session_id = dose.id
    join bothwell_vialevent d on d.id = u.event_id and d.kind = 'draw'
    join bothwell_vialevent e on e.vial_id = d.vial_id and e.syringe = d.syringe
    join bothwell_vial v on v.id = e.vial_id
    where not exists (select 1 from bothwell_vialevent b where b.corrects_id = e.id)
    group by u.session_id
  ), charted as (
    select dose.id, sum(a.dose_mg) * 1000 as ug from dose join bothwell_administration a on a.session_id = dose.id
    where a.event in ('start', 'given') and a.dose_mg > 0 and a.route in ('iv', 'im') and lower(a.substance) = dose.substance
    group by dose.id
  ), rated as (
    -- What happened to the dose, each rate as it was corrected last (`order_actions.as_corrected`).
    select a.session_id, a.at, a.recorded_at, a.event, a.route, a.dose_mg, coalesce(
      (select k.rate_ml_per_h from bothwell_administration k where k.corrects_id = a.id order by k.recorded_at desc limit 1),
      a.rate_ml_per_h) as rate_ml_per_h
    from dose join bothwell_administration a on a.session_id = dose.id where a.event <> 'correct'
  ), began as (
    -- What the pump began with: how much, at which rate, and the rate (mL/h) at which the ordered minutes run in all of it; none where
    -- the pump did not begin at the rate of the ordered bag (`order.is_rate_of`), or no rate is charted.
    select distinct on (dose.id) dose.id, o.minutes * 60.0 as whole_s, a.dose_mg * 1000 as ug, o.bag_ml is not null as has_bag,
      case when a.rate_ml_per_h is null or a.rate_ml_per_h = 0 then null
           when o.bag_ml is null then a.rate_ml_per_h
           when abs(a.rate_ml_per_h - round(o.bag_ml * 60 / o.minutes, 2)) < least(1, round(o.bag_ml * 60 / o.minutes, 2) * 0.05)
           then o.bag_ml * 60 / o.minutes end as ml_per_h
    from dose join bothwell_dosingsession s on s.id = dose.id join bothwell_order o on o.id = s.order_id
    join rated a on a.session_id = dose.id and a.event = 'start' and a.route in ('iv', 'im') and a.dose_mg > 0
    where o.minutes > 0
    order by dose.id, a.at, a.recorded_at
  ), flow as (
    -- Every row of the infusion up to its stop, with the time to the next, whether it runs, and which change of rate stands.
    select b.id, a.at, a.recorded_at, a.event, a.rate_ml_per_h,
      lead(a.at) over turn as until,
      count(*) filter (where a.event = 'stop') over (partition by b.id order by a.at, a.recorded_at rows between unbounded preceding and 1 preceding) as stopped,
      count(*) filter (where a.event <> 'rate') over turn as turns, count(*) filter (where a.event = 'rate') over turn as rates
    from began b join rated a on a.session_id = b.id
    where a.event in ('start', 'rate', 'pause', 'resume', 'stop') and a.route in ('iv', 'im')
    window turn as (partition by b.id order by a.at, a.recorded_at)
  ), spans as (
    select f.id, extract(epoch from f.until - f.at) as seconds,
      first_value(f.event) over (partition by f.id, f.turns order by f.at, f.recorded_at) in ('start', 'resume') as runs,
      case when f.rates = 0 then 1 else first_value(f.rate_ml_per_h) over (partition by f.id, f.rates order by f.at, f.recorded_at) / b.ml_per_h end as speed
    from flow f join began b on b.id = f.id where f.stopped = 0 and f.until is not null
  ), ran as (
    select b.id, b.ug, least(coalesce(sum(s.seconds * s.speed) filter (where s.runs and s.seconds > 0), 0) / b.whole_s, 1) as part,
      (b.ml_per_h is not null or not b.has_bag) and not coalesce(bool_or(s.runs and s.seconds > 0 and s.speed is null), false) as is_known
    from began b left join spans s on s.id = b.id
    where exists (select 1 from flow f where f.id = b.id and f.event = 'stop')
    group by b.id, b.ug, b.whole_s, b.ml_per_h, b.has_bag
  ), reckoned as (
    -- Less than charted minutes can tell is all of it (`under_way.ran_in`).
    select c.id, c.ug, coalesce(r.is_known, true) as is_known,
      c.ug - case when r.id is null or r.ug * (1 - r.part) <= case when r.ug >= 10000 then 500 else 50 end then 0
                  else trunc(r.ug * (1 - r.part)) end as ran_ug
    from charted c left join ran r on r.id = c.id
  )
  select count(*) from moved m join reckoned c on c.id = m.session_id
  where m.drawn > 0 and m.drawn = m.given + m.lost and case
    when not c.is_known then m.given - c.ug >= m.step
    when c.ug - c.ran_ug < m.step then abs(m.given - c.ug) >= m.step
    else abs(m.given - c.ran_ug) > m.step + div(c.ug, 20) end
$$;

-- Which monitors of this clinic are on somebody now: for whoever puts one on somebody, who is refused such a one anyhow. On whom, it
-- does not say.
create function door.monitors_in_use() returns setof uuid language sql stable security definer set search_path = public as $$
  select b.device_id from bothwell_binding b join bothwell_dosingsession s on s.id = b.session_id
  where b.clinic_id = (select door.clinic()) and b.until is null and s.ended_at is null
    and array(select door.staff_roles()) && array['nurse', 'prescriber']
$$;

-- Vials and their ledger: the clinic's stock, which names no patient; for whom a syringe was, `bothwell_vialuse` says.
do $$
declare t text;
begin
  foreach t in array array['bothwell_vial', 'bothwell_vialevent', 'bothwell_inventory', 'bothwell_discrepancy', 'bothwell_discrepancyresolved'] loop
    execute format('create policy seen on %I for select to bothwell_viewer using (clinic_id = (select door.clinic()) and (select door.stock(''vials'')))', t);
    execute format('create policy added on %I for insert to bothwell_viewer with check (clinic_id = (select door.clinic()) and author_id = (select door.me()) and (select door.stocks(''vials'')))', t);
    execute format('grant select, insert on %I to bothwell_viewer', t);
  end loop;
end $$;

-- What was asked of the couples' answers, and what came of it: counts and estimates that name nobody. Whoever asks writes
-- the question; a result only the job that reckons it; who entered one, nobody looks at.
create policy seen on bothwell_analysis for select to bothwell_viewer using (clinic_id = (select door.clinic()) and (select door.stock('outcomes')));
create policy added on bothwell_analysis for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me()) and (select door.stocks('outcomes')));
create policy seen on bothwell_analysisrun for select to bothwell_viewer using (clinic_id = (select door.clinic()) and (select door.stock('outcomes')));
create policy added on bothwell_analysisrun for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me()) and (select door.stocks('outcomes')) and state = 'waiting');
grant select, insert on bothwell_analysis, bothwell_analysisrun to bothwell_viewer;

-- Where a member of staff asked to be called: theirs alone, and the caller's.
create policy seen on bothwell_pushaddress for select to bothwell_viewer using (clinic_id = (select door.clinic()) and person_id = (select door.me()));
create policy added on bothwell_pushaddress for insert to bothwell_viewer with check (clinic_id = (select door.clinic()) and person_id = (select door.me()));
create policy changed on bothwell_pushaddress for update to bothwell_viewer using (clinic_id = (select door.clinic()) and person_id = (select door.me())) with check (clinic_id = (select door.clinic()) and person_id = (select door.me()));
grant select, insert, update (ended_at) on bothwell_pushaddress to bothwell_viewer;
create policy called on bothwell_pushaddress for select to bothwell_work using (true);  -- one it ends, it must see ended
create policy ended on bothwell_pushaddress for update to bothwell_work using (ended_at is null) with check (true);
grant select, update (ended_at) on bothwell_pushaddress to bothwell_work;

-- Couples.
create policy seen on bothwell_couple for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (id = any(array(select door.couples('couple.link')))
    or ((select door.everywhere('couple.link')) and id <> all(array(select door.own_couples())))));
create policy added on bothwell_couple for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and (select door.writes_everywhere('couple.link')));
create policy changed on bothwell_couple for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and parted_at is null and (id = any(array(select door.writes_couples('couple.parting', false)))
    or ((select door.writes_everywhere('couple.parting')) and id <> all(array(select door.own_couples())))))
  with check (clinic_id = (select door.clinic()));
grant select, insert, update (parted_at, distinguished_by) on bothwell_couple to bothwell_viewer;

create policy seen on bothwell_membership for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (couple_id = any(array(select door.couples('couple.link')))
    or ((select door.everywhere('couple.link')) and couple_id <> all(array(select door.own_couples())))));
create policy added on bothwell_membership for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and (select door.writes_everywhere('couple.link'))
  and person_id <> all(array(select door.intimates())) and couple_id <> all(array(select door.own_couples())));
create policy changed on bothwell_membership for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and until is null and (couple_id = any(array(select door.writes_couples('couple.parting', true)))
    or ((select door.writes_everywhere('couple.parting')) and couple_id <> all(array(select door.own_couples())))))
  with check (clinic_id = (select door.clinic()));
grant select, insert, update (until) on bothwell_membership to bothwell_viewer;

-- Care teams. An assignment to the safety circle is sealed: the person it concerns does not see it.
create policy seen on bothwell_assignment for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (
    staff_id = (select door.me())
    or (role <> 'safety' and (subject_id = any(array(select door.subjects('care_team')))
        or couple_id = any(array(select door.couples('couple.link')))
        or ((select door.everywhere('care_team')) and (subject_id <> all(array(select door.intimates())) or couple_id <> all(array(select door.own_couples()))))))
    or (role = 'safety' and (subject_id = any(array(select door.subjects('care_team.sealed')))
        or ((select door.everywhere('care_team.sealed')) and subject_id <> all(array(select door.intimates())))))));
create policy added on bothwell_assignment for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic())
  and (subject_id is null or subject_id <> all(array(select door.intimates())))
  and (couple_id is null or couple_id <> all(array(select door.own_couples())))
  and case when role = 'safety' then (select door.writes_everywhere('care_team.sealed')) else (select door.writes_everywhere('care_team')) end);
create policy changed on bothwell_assignment for update to bothwell_viewer
  using (clinic_id = (select door.clinic())
    and (subject_id is null or subject_id <> all(array(select door.intimates())))
    and (couple_id is null or couple_id <> all(array(select door.own_couples())))
    and case when role = 'safety' then (select door.writes_everywhere('care_team.sealed')) else (select door.writes_everywhere('care_team')) end)
  with check (clinic_id = (select door.clinic()));
grant select, insert, update (until) on bothwell_assignment to bothwell_viewer;

-- Questionnaires: the row's own kind chooses. A draft is seen by the one who writes it, and by nobody else. The
-- screen about violence is still seen by them in the very transaction that sends it (an UPDATE must see its new row),
-- and never again. A request is seen by who asked for as long as it is theirs to ask.
do $$
declare reading text; requested text;
begin
  select string_agg(format('(kind = %L and %s)', k, door.leaf('person', k)), ' or '),
         string_agg(format('(kind = %L and subject_id = any(array(select door.subjects(%L))))', k, k), ' or ')
    into reading, requested
  from unnest(array['measure.individual', 'measure.predose', 'measure.relationship', 'screen.suicide', 'screen.violence']) k;
  execute format('create policy seen on bothwell_response for select to bothwell_viewer using (clinic_id = (select door.clinic())
    and ((status = ''draft'' and subject_id = (select door.me())) or (status = ''sent'' and (%s))
         or id = any(array(select door.since_the_two_began()))
         or (kind = ''screen.violence'' and entered_as = ''self'' and subject_id = (select door.me()) and sent_at >= (select now()))))', reading);
  execute format('create policy seen on bothwell_request for select to bothwell_viewer using (clinic_id = (select door.clinic())
    and ((kind <> ''screen.violence'' and subject_id = (select door.me())) or (author_id = (select door.me()) and %s)
         or id = any(array(select door.since_the_two_began())) or %s))', door.write_leaf('person', 'request'), requested);
end $$;
create policy added on bothwell_response for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me()) and (sent_at is null or sent_at <= clock_timestamp())
  and ((entered_as = 'self' and subject_id = any(array(select door.writes('measure'))))
       or (entered_as <> 'self' and status = 'sent' and request_id is null
           and ((kind <> 'screen.violence' and subject_id = any(array(select door.writes('measure.entered'))))
                or (kind = 'screen.violence' and subject_id = any(array(select door.writes('violence.entered'))))))));
create policy changed on bothwell_response for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and status = 'draft' and subject_id = (select door.me()))
  with check (clinic_id = (select door.clinic()) and subject_id = (select door.me()) and (sent_at is null or sent_at <= clock_timestamp()));
grant select, insert, update (answers, revision, status, sent_at, total, band, scores, rules, flags, instrument_version) on bothwell_response to bothwell_viewer;
create policy added on bothwell_request for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me())
  and (subject_id = any(array(select door.writes('request'))) or ((select door.writes_everywhere('request')) and subject_id <> all(array(select door.intimates())))));
grant select, insert on bothwell_request to bothwell_viewer;

-- Reminders and escalations are made by jobs. A reminder is its receiver's; an escalation tells who must act, not why.
do $$
begin
  execute format('create policy seen on bothwell_reminder for select to bothwell_viewer using (clinic_id = (select door.clinic()) and %s)', door.leaf('person', 'draft'));
  execute format('create policy seen on bothwell_escalation for select to bothwell_viewer using (clinic_id = (select door.clinic()) and %s)', door.leaf('person', 'suicide.escalated'));
end $$;
grant select on bothwell_reminder, bothwell_escalation to bothwell_viewer;
-- Of a task that was passed on: since when it waits, whether anybody has taken it up or ended it, and whether it is anybody's now.
create function door.passed_on() returns table (flag uuid, waits_since timestamptz, acknowledged_at timestamptz, is_closed boolean, has_owner boolean)
language sql stable security definer set search_path = public as $$
  select f.id, f.recorded_at, a.recorded_at, c.id is not null,
         exists (select 1 from bothwell_assignment o where o.subject_id = f.subject_id and o.role in ('prescriber', 'individual_therapist')
                 and o.since <= now() and (o.until is null or o.until > now()))
  from bothwell_safetyflag f
  left join bothwell_safetyflagacknowledged a on a.flag_id = f.id
  left join bothwell_safetyflagclosed c on c.flag_id = f.id
  where f.clinic_id = door.clinic()
    and (f.subject_id in (select door.subjects('suicide.escalated'))
         or (door.everywhere('suicide.escalated') and f.subject_id not in (select door.intimates())))
    and exists (select 1 from bothwell_escalation e where e.flag_id = f.id)
$$;

-- Consents. The couples therapist sees those that concern them.
do $$
begin
  execute format('create policy seen on bothwell_consent for select to bothwell_viewer using (clinic_id = (select door.clinic())
    and (%s or (release_to = ''couples_therapist'' and id <> all(array(select door.before_the_two_began())) and %s)))', door.leaf('person', 'consent'), door.leaf('person', 'consent.couples'));
end $$;
create policy added on bothwell_consent for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and subject_id = (select door.me()) and author_id = (select door.me()));
create policy changed on bothwell_consent for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and subject_id = (select door.me()) and withdrawn_at is null)
  with check (clinic_id = (select door.clinic()) and subject_id = (select door.me()));
grant select, insert, update (withdrawn_at) on bothwell_consent to bothwell_viewer;

-- Holds: the reason is medical, or about safety.
do $$
begin
  execute format('create policy seen on bothwell_holdreason for select to bothwell_viewer using (clinic_id = (select door.clinic())
    and ((kind = ''medical'' and %s) or (kind = ''screen.suicide'' and %s)))', door.leaf('person', 'medical'), door.leaf('person', 'suicide.flag'));
end $$;
create policy added on bothwell_holdreason for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me())
  and (subject_id = any(array(select door.writes('hold.reason')))
       or ((select door.writes_everywhere('hold.reason')) and subject_id <> all(array(select door.intimates())))));
grant select, insert on bothwell_holdreason to bothwell_viewer;

-- Grants: the giver's. A partner sees the gift they have words of, and learns of no other audience; others who see the item
-- see whether the partner does too.
-- Given is one's own, as the table allows it, and nothing else: then no constraint on grants tells of another's.
create policy seen on bothwell_grant for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (subject_id = (select door.me())
    or id = any(array(select door.given_by_partners('insight')))
    or (revoked_at is null and opens_at <= (select now()) and item_id = any(array(select door.granted('insight')))
        and subject_id <> all(array(select door.intimates())))));
create policy added on bothwell_grant for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and subject_id = (select door.me()) and author_id = (select door.me())
  and (item_kind, audience) in (select r.kind, r.relation from door.reads() r where r.way = 'G')
  and (couple_id = any(array(select door.couples_now())) or (couple_id is null and audience = 'individual_therapist'))
  and (replaces_id is null or door.may_replace(replaces_id, item_kind, audience, couple_id))
  and case item_kind
    when 'insight' then exists (select 1 from bothwell_insightversion i where i.id = item_id and i.subject_id = (select door.me()))
    when 'dosing.time' then exists (select 1 from bothwell_dosingsession i where i.id = item_id and i.subject_id = (select door.me()))
    when 'dosing.summary' then exists (select 1 from bothwell_sessionsummary i where i.id = item_id and i.subject_id = (select door.me()))
    when 'decision.status' then exists (select 1 from bothwell_jointdecision i where i.id = item_id and i.subject_id = (select door.me()))
    else exists (select 1 from bothwell_response i where i.id = item_id and i.subject_id = (select door.me())
                 and i.status = 'sent' and i.kind = item_kind)
  end);
create policy changed on bothwell_grant for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and subject_id = (select door.me()) and revoked_at is null)
  with check (clinic_id = (select door.clinic()) and subject_id = (select door.me()));
grant select, insert, update (revoked_at, opens_at, for_session_id) on bothwell_grant to bothwell_viewer;

create policy seen on bothwell_receipt for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and author_id = (select door.me()));
create policy added on bothwell_receipt for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me()) and (
    exists (select 1 from bothwell_insightversion i where i.id = item_id)
    or exists (select 1 from bothwell_response i where i.id = item_id)
    or exists (select 1 from bothwell_dosingsession i where i.id = item_id)
    or exists (select 1 from bothwell_sessionsummary i where i.id = item_id)
    or exists (select 1 from bothwell_couplesession i where i.id = item_id)
    or exists (select 1 from bothwell_sharedsummary i where i.id = item_id)
    or exists (select 1 from bothwell_exercisegiven i where i.id = item_id)
    or exists (select 1 from bothwell_exercisedone i where i.id = item_id)
    or exists (select 1 from bothwell_message i where i.id = item_id)
    or exists (select 1 from bothwell_cycleshown i where i.id = item_id)
    or exists (select 1 from bothwell_couplecheckin i where i.id = item_id)
    or exists (select 1 from bothwell_coupleagreement i where i.id = item_id)
    or exists (select 1 from bothwell_agreementanswer i where i.id = item_id)
    or exists (select 1 from bothwell_supportplan i where i.id = item_id)
    or exists (select 1 from bothwell_warningsign i where i.id = item_id)
    or exists (select 1 from bothwell_planreview i where i.id = item_id)
    or exists (select 1 from bothwell_laidaside i where i.id = item_id)
    or item_id = any(array(select door.granted('decision.status')))));
grant select, insert on bothwell_receipt to bothwell_viewer;

-- A process note: its author's alone.
create policy seen on bothwell_processnote for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and author_id = (select door.me()));
create policy added on bothwell_processnote for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me())
  and (subject_id = any(array(select door.writes('process_note'))) or couple_id = any(array(select door.writes_couples('process_note', true)))));
grant select, insert on bothwell_processnote to bothwell_viewer;

-- A progress note being written: its author's alone, and emptied by them whatever has become of the couple's care since.
create policy seen on bothwell_notedraft for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and author_id = (select door.me()));
create policy added on bothwell_notedraft for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me()) and subject_id is null
  and couple_id = any(array(select door.writes_couples('note.draft', true))));
create policy changed on bothwell_notedraft for update to bothwell_viewer
  using (clinic_id = (select door.clinic()) and author_id = (select door.me()))
  with check (clinic_id = (select door.clinic()) and author_id = (select door.me()));
grant select, insert, update (fields, revision, saved_at, closed_at) on bothwell_notedraft to bothwell_viewer;

-- With which key those are sealed: a name and a word, which open nothing. The owner writes it at the start.
create function door.notes_key() returns table (name text, sealed bytea) language plpgsql stable security definer set search_path = public as $$
begin
  return query select k.name::text, k.sealed from bothwell_noteskey k order by k.number desc limit 1;
end $$;
create policy named on bothwell_noteskey for all to bothwell_owner using (true) with check (true);
create policy for_the_rules on bothwell_noteskey for select to bothwell_rules using (true);
grant select on bothwell_noteskey to bothwell_rules;

-- Break-glass: opened by the lead (or the couples therapist of this person) for one hour; the subject's log shows it.
create policy seen on bothwell_breakglass for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (author_id = (select door.me())
    or ((select door.everywhere('break_glass'))
        and (subject_id is null or subject_id <> all(array(select door.intimates())))
        and (couple_id is null or couple_id <> all(array(select door.own_couples()))))));
create policy added on bothwell_breakglass for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and author_id = (select door.me()) and expires_at <= (select now()) + interval '1 hour'
  and num_nonnulls(subject_id, couple_id) = 1
  and (subject_id = any(array(select door.writes('break_glass')))
       or couple_id = any(array(select door.writes_couples('break_glass', true)))
       or ((select door.writes_everywhere('break_glass'))
           and (subject_id is null or subject_id <> all(array(select door.intimates())))
           and (couple_id is null or couple_id <> all(array(select door.own_couples()))))));
grant select, insert on bothwell_breakglass to bothwell_viewer;

-- The log of who saw what. Of their couple's chart the two see who else looked, not what their partner did. The safety circle's entries are sealed from everyone else, the lead included.
-- Of what one wrote for oneself, and gave or took back, the lead learns nothing, not even that it exists; nor does
-- anyone learn of a process note but its author. A line that names nobody, for the sake of one it is about, is no line for
-- whoever is close to that one.
create policy seen on bothwell_auditentry for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (
    (not sealed and (item_kind <> 'process_note' or actor_id = (select door.me()))
        and ((subject_id = (select door.me()) and item_kind <> all(array['legal.hold', 'close_to']) and id <> all(array(select door.lines_kept_back())))
        or (subject_id is null and couple_id = any(array(select door.couples('access.couple')))
            and (actor_id is null or actor_id <> all(array(select door.mates()))))
        or ((select door.everywhere('access')) and item_kind <> all(array['insight', 'intention', 'message.care', 'message.therapist', 'message.alone', 'message.couple', 'cycle.node'])
            and (subject_id is null or subject_id <> all(array(select door.intimates())))
            and (couple_id is null or couple_id <> all(array(select door.own_couples())))
            and (subject_id is not null or couple_id is not null or item_id is null
                 or item_id <> all(array(select door.of_intimates()))))))
    or (sealed and subject_id = any(array(select door.subjects('access.sealed'))))));
create policy added on bothwell_auditentry for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and actor_id = (select door.me())
  and (sealed or item_kind <> all(array['screen.violence', 'care_team.sealed', 'access.sealed', 'shelter']))
  -- What concerns one of the two names that one: a line that names the couple alone would stand in both their logs.
  and (subject_id is not null or couple_id is null
       or item_kind <> all(array['couple.alone', 'cycle.node', 'message.care', 'message.therapist', 'message.alone',
                                 'parting.asked', 'record.request', 'disclosed', 'legal.hold'])));
grant select, insert on bothwell_auditentry to bothwell_viewer;

-- Invitations are made behind the door and used before it.
create policy seen on bothwell_invitation for select to bothwell_viewer using (
  clinic_id = (select door.clinic()) and (select door.writes_everywhere('invitation'))
  and person_id <> all(array(select door.intimates())));
create policy added on bothwell_invitation for insert to bothwell_viewer with check (
  clinic_id = (select door.clinic()) and made_by_id = (select door.me()) and (select door.writes_everywhere('invitation'))
  and person_id <> all(array(select door.intimates())));
grant select, insert on bothwell_invitation to bothwell_viewer;
create policy before_the_door on bothwell_invitation for select to bothwell_web using (true);
create policy used on bothwell_invitation for update to bothwell_web using (used_at is null) with check (true);
grant select, update (used_at) on bothwell_invitation to bothwell_web;

-- Logins: made and read before the door. Behind it, one learns only whether somebody has a login.
create policy before_the_door on bothwell_user for all to bothwell_web using (true) with check (true);
grant select, insert, update on bothwell_user to bothwell_web;
-- The lead, who enters colleagues, asks of one address whether somebody of this clinic signs in with it; of those no role
-- shows them, they do not learn it.
create function door.signs_in_here(asked text) returns boolean language sql stable security definer set search_path = public as $$
  select 'lead' = any(array(select door.clinic_roles())) and exists (
    select 1 from bothwell_user u join bothwell_person p on p.id = u.person_id
    where lower(u.email) = lower(asked) and p.clinic_id = door.clinic() and p.id not in (select door.intimates()))
$$;
create policy seen on bothwell_user for select to bothwell_viewer using (
  person_id = (select door.me())
  or ((select door.writes_everywhere('person.name')) and person_id = any(array(select p.id from bothwell_person p))
      and person_id <> all(array(select door.intimates()))));
grant select (id, person_id, is_active) on bothwell_user to bothwell_viewer;

---------------------------------------------------------------------------------------------------- other eyes
-- The functions above see what they need for an answer, and return identifiers only.
do $$
declare t text;
begin
  foreach t in array array['bothwell_person', 'bothwell_clinic', 'bothwell_membership', 'bothwell_couple', 'bothwell_assignment',
      'bothwell_staffrole', 'bothwell_consent', 'bothwell_breakglass', 'bothwell_grant', 'bothwell_receipt', 'bothwell_shelter', 'bothwell_legalhold', 'bothwell_closeto',
      'bothwell_dosingsession', 'bothwell_jointdecision', 'bothwell_decisionsignature', 'bothwell_auditentry', 'bothwell_auditlink',
      'bothwell_vial', 'bothwell_vialevent', 'bothwell_discrepancy'] loop
    execute format('create policy for_the_rules on %I for select to bothwell_rules using (true)', t);
    execute format('grant select on %I to bothwell_rules', t);
  end loop;
end $$;
do $$
declare t text;
begin
  foreach t in array array['bothwell_safetyflagacknowledged', 'bothwell_safetyflagclosed', 'bothwell_escalation'] loop
    execute format('create policy for_the_rules on %I for select to bothwell_rules using (true)', t);
    execute format('grant select (id, flag_id, recorded_at) on %I to bothwell_rules', t);
  end loop;
end $$;
grant select (recorded_at) on bothwell_safetyflag to bothwell_rules;
-- That a dose was charted, and that something was drawn up for it; not for whom.
create policy for_the_rules on bothwell_administration for select to bothwell_rules using (true);
grant select (id, session_id, at, recorded_at, event, substance, dose_mg, route, rate_ml_per_h, corrects_id) on bothwell_administration to bothwell_rules;
create policy for_the_rules on bothwell_binding for select to bothwell_rules using (true);
grant select (clinic_id, device_id, session_id, until) on bothwell_binding to bothwell_rules;
create policy for_the_rules on bothwell_order for select to bothwell_rules using (true);
grant select (id, minutes, product, bag_ml) on bothwell_order to bothwell_rules;
create policy for_the_rules on bothwell_orderwithdrawn for select to bothwell_rules using (true);
grant select (order_id) on bothwell_orderwithdrawn to bothwell_rules;
create policy for_the_rules on bothwell_vialuse for select to bothwell_rules using (true);
grant select (session_id, event_id) on bothwell_vialuse to bothwell_rules;
create policy for_the_rules on bothwell_coupleholdlifted for select to bothwell_rules using (true);
grant select (hold_id) on bothwell_coupleholdlifted to bothwell_rules;
-- Who added what, and when; when somebody or a place is taken; of answers that they are there: of these no word.
do $$
declare t record;
begin
  for t in
    select 'bothwell_' || name as name, 'id, couple_id, author_id, recorded_at' as columns from door.shared_tables() as name
    union all values
      ('bothwell_response', 'id, subject_id, kind, status, sent_at'),
      ('bothwell_request', 'id, subject_id, kind, due_at'),
      ('bothwell_individualcontact', 'id, subject_id'),
      ('bothwell_course', 'id, clinic_id, subject_id, couple_id, protocol_id, phase, state, steps_taken'),
      ('bothwell_step', 'id, course_id, author_id, number, event, to_phase, recorded_at'),
      ('bothwell_appointment', 'id, clinic_id, subject_id, staff_id, at, minutes, place, is_video, state'),
      ('bothwell_room', 'id, clinic_id, name')
  loop
    execute format('create policy for_the_rules on %I for select to bothwell_rules using (true)', t.name);
    execute format('grant select (%s) on %I to bothwell_rules', t.columns, t.name);
  end loop;
end $$;
grant select (clinic_id, state, at, minutes, place) on bothwell_couplesession to bothwell_rules;
create policy evaluation_begins on bothwell_course for update to bothwell_rules using (phase = 'referral' and state = 'active') with check (phase = 'evaluation');
grant update (phase, steps_taken) on bothwell_course to bothwell_rules;
create policy for_the_rules on bothwell_nextdaycall for select to bothwell_rules using (true);
grant select (id, session_id, is_closed) on bothwell_nextdaycall to bothwell_rules;
create policy for_the_rules on bothwell_doorkey for select to bothwell_rules using (true);
grant select on bothwell_doorkey to bothwell_rules;
create policy chained on bothwell_auditlink for insert to bothwell_rules with check (true);
grant insert on bothwell_auditlink to bothwell_rules;

-- Jobs and feeds: the device listener and the mailer, each no more than its work. They act for no person.
do $$
declare t text;
begin
  foreach t in array array['bothwell_clinic', 'bothwell_device', 'bothwell_binding', 'bothwell_dosingsession', 'bothwell_course',
      'bothwell_protocolversion', 'bothwell_sample', 'bothwell_channel', 'bothwell_alarm', 'bothwell_alarmevent',
      'bothwell_invitation', 'bothwell_contact'] loop
    execute format('create policy for_the_feed on %I for select to bothwell_work using (true)', t);
  end loop;
  foreach t in array array['bothwell_sample', 'bothwell_channel', 'bothwell_alarm', 'bothwell_alarmevent'] loop
    execute format('create policy fed on %I for insert to bothwell_work with check (author_id is null)', t);
    execute format('grant select, insert on %I to bothwell_work', t);
  end loop;
end $$;
create policy folded on bothwell_channel for update to bothwell_work using (true) with check (true);
grant update (state) on bothwell_channel to bothwell_work;
-- How a monitor's clock stands to ours: nothing else about a monitor is the feed's to change.
create policy timed on bothwell_device for update to bothwell_work using (not is_retired) with check (not is_retired);
grant update (clock) on bothwell_device to bothwell_work;
grant select on bothwell_clinic, bothwell_device, bothwell_binding, bothwell_course, bothwell_protocolversion, bothwell_invitation to bothwell_work;
grant select (id, clinic_id, subject_id, couple_id, course_id, order_id, room_id, arrived_at, started_at, ended_at) on bothwell_dosingsession to bothwell_work;
-- When the next check is due hangs on how long an infusion runs: of an order its minutes, never its dose; of what is given, stops.
create policy for_the_feed on bothwell_order for select to bothwell_work using (true);
grant select (id, minutes) on bothwell_order to bothwell_work;
create policy for_the_feed on bothwell_administration for select to bothwell_work using (event = 'stop');
grant select (session_id, event, at) on bothwell_administration to bothwell_work;
grant select (id, clinic_id, subject_id, safe_email) on bothwell_contact to bothwell_work;
-- Whom it does not call about somebody: a colleague who is close to them.
create policy for_the_feed on bothwell_closeto for select to bothwell_work using (until is null);
grant select (staff_id, subject_id, until) on bothwell_closeto to bothwell_work;
-- The planner asks for what is due, reminds, and passes on a flag that waits: it sees who, what and when, no answer.
do $$
declare t text;
begin
  foreach t in array array['bothwell_person', 'bothwell_couple', 'bothwell_membership', 'bothwell_assignment', 'bothwell_staffrole',
      'bothwell_couplepause', 'bothwell_clinicinstrument', 'bothwell_request', 'bothwell_response', 'bothwell_reminder',
      'bothwell_safetyflag', 'bothwell_safetyflagacknowledged', 'bothwell_safetyflagclosed', 'bothwell_escalation'] loop
    execute format('create policy for_the_planner on %I for select to bothwell_work using (true)', t);
  end loop;
end $$;
grant select (id, clinic_id, kind, created_at) on bothwell_person to bothwell_work;
grant select on bothwell_couple, bothwell_membership, bothwell_assignment, bothwell_staffrole, bothwell_couplepause, bothwell_clinicinstrument,
  bothwell_request, bothwell_reminder, bothwell_escalation to bothwell_work;
grant select (scheduled_at, outcome, number) on bothwell_dosingsession to bothwell_work;
grant select (wants_reminders) on bothwell_contact to bothwell_work;
grant select (id, clinic_id, subject_id, request_id, instrument, wave, status, sent_at) on bothwell_response to bothwell_work;
grant select (id, clinic_id, subject_id, recorded_at, is_acute) on bothwell_safetyflag to bothwell_work;
-- It writes to a clinician at the address they sign in with, that a task waits; of partners it knows no login.
create policy for_the_planner on bothwell_user for select to bothwell_work using (
  is_active and person_id = any(array(select p.id from bothwell_person p where p.kind = 'staff')));
grant select (id, person_id, email, is_active) on bothwell_user to bothwell_work;
grant select (id, flag_id, recorded_at) on bothwell_safetyflagacknowledged, bothwell_safetyflagclosed to bothwell_work;
create policy planned on bothwell_request for insert to bothwell_work with check (author_id is null and kind <> 'screen.violence');
create policy planned on bothwell_reminder for insert to bothwell_work with check (author_id is null);
create policy planned on bothwell_escalation for insert to bothwell_work with check (author_id is null);
create policy mailed on bothwell_reminder for update to bothwell_work using (sent_at is null) with check (true);
-- What was asked before a dose that will not be, or is under way, ends early; nothing else of a request changes.
create policy ended on bothwell_request for update to bothwell_work using (author_id is null and lapses_at > (select now())) with check (author_id is null);
grant insert on bothwell_request, bothwell_reminder, bothwell_escalation to bothwell_work;
grant update (lapses_at) on bothwell_request to bothwell_work;
grant update (sent_at) on bothwell_reminder to bothwell_work;

-- A call of the next day that nobody made in time is closed; what was said in any it does not see.
create policy for_the_calls on bothwell_nextdaycall for select to bothwell_work using (true);
grant select (id, session_id, at, next_at, is_closed) on bothwell_nextdaycall to bothwell_work;
create policy missed on bothwell_nextdaycall for insert to bothwell_work with check (author_id is null and is_closed and not was_reached and answers = '{}');
grant insert on bothwell_nextdaycall to bothwell_work;

-- Research. The job of one result takes the role `bothwell_research` and names the run; with no run under way, an hour after
-- it was asked for, or with whoever asked no longer entitled to ask, there is nothing to see. It sees what both of a couple gave to research: what was
-- scored, of which wave; no words, no name, no single answer, nothing that was asked for safety's sake or before a dose.
create function door.asked_run() returns setof uuid language sql stable security definer set search_path = public as $$
  select r.id from bothwell_analysisrun r
  where r.id::text = nullif(current_setting('bothwell.run', true), '') and r.state in ('waiting', 'running')
    and r.recorded_at > now() - interval '1 hour'
    and exists (select 1 from bothwell_staffrole s join door.reads() t on t.kind = 'outcomes' and t.way = 'Y' and t.relation = s.role
                where s.person_id = r.author_id and s.clinic_id = r.clinic_id and s.since <= now() and (s.until is null or s.until > now()))
$$;
create function door.asked_clinic() returns uuid language sql stable security definer set search_path = public as $$
  select r.clinic_id from bothwell_analysisrun r where r.id in (select door.asked_run())
$$;

-- Whether a research consent, by the name of its text, covers a kind of score. Any other text covers nothing.
create function door.covers(code text, wanted text) returns boolean language sql immutable as $$
  select wanted in ('measure.individual', 'measure.relationship')
     and (code = 'deidentified' or (code = 'individual_scores' and wanted = 'measure.individual')
          or (code = 'relationship_scores' and wanted = 'measure.relationship'))
$$;

-- People of this clinic whose consent stands to give this kind of score to research.
create function door.consent_to_research(of_clinic uuid, wanted text) returns setof uuid language sql stable security definer set search_path = public as $$
  select k.subject_id from bothwell_consent k join bothwell_consenttext t on t.id = k.text_id
  where k.clinic_id = of_clinic and k.subject_id is not null and k.withdrawn_at is null
    and t.kind = 'research' and door.covers(t.code, wanted)
$$;

-- Couples of this clinic of which both give this kind of score to research now. Those in which somebody works here, or is
-- close to somebody who does, stay out: a colleague who knows half of the answers could reckon the other half.
create function door.give_to_research(of_clinic uuid, wanted text) returns setof uuid language sql stable security definer set search_path = public as $$
  select m.couple_id from bothwell_membership m join bothwell_person p on p.id = m.person_id
  where m.clinic_id = of_clinic
  group by m.couple_id
  having count(*) = 2 and bool_and(p.kind = 'partner'
    and not exists (select 1 from bothwell_closeto k where k.subject_id = m.person_id and k.until is null)
    and m.person_id in (select door.consent_to_research(of_clinic, wanted)))
$$;
create function door.research_couples(wanted text) returns setof uuid language sql stable security definer set search_path = public as $$
  select c from door.give_to_research((select door.asked_clinic()), wanted) c
$$;
create function door.research_people(wanted text) returns setof uuid language sql stable security definer set search_path = public as $$
  select m.person_id from bothwell_membership m where m.couple_id in (select door.research_couples(wanted))
$$;
-- Whether somebody whose answers stand in a result has taken back their consent to that kind of score since: yes or no.
-- Of consent alone: that a colleague turned out to be close to somebody keeps them out too, and is nobody's to learn here.
create function door.was_taken_back(run uuid) returns boolean language sql stable security definer set search_path = public as $$
  select (select door.stock('outcomes')) and exists (
    select 1
    from (select distinct couple::uuid as id, kind
          from bothwell_analysisuse u
          cross join lateral jsonb_object_keys(u.used) couple
          cross join unnest(array['measure.individual', 'measure.relationship']) kind
          where u.run_id = run and u.clinic_id = (select door.clinic())
            and (u.kinds = '' or kind = any(string_to_array(u.kinds, ' ')))) entered
    join bothwell_membership m on m.couple_id = entered.id
    where (m.person_id, entered.kind) not in (
      select p, 'measure.individual' from door.consent_to_research((select door.clinic()), 'measure.individual') p
      union all
      select p, 'measure.relationship' from door.consent_to_research((select door.clinic()), 'measure.relationship') p))
$$;
grant select (kind, code) on bothwell_consenttext to bothwell_rules;
grant select (subject_id, until) on bothwell_closeto to bothwell_rules;
grant select (id, clinic_id, author_id, state, recorded_at) on bothwell_analysisrun to bothwell_rules;
grant select (run_id, clinic_id, used, kinds) on bothwell_analysisuse to bothwell_rules;
do $$
declare t text;
begin
  foreach t in array array['bothwell_consenttext', 'bothwell_closeto', 'bothwell_analysisrun', 'bothwell_analysisuse'] loop
    if not exists (select 1 from pg_policies p where p.tablename = t and p.policyname = 'for_the_rules') then
      execute format('create policy for_the_rules on %I for select to bothwell_rules using (true)', t);
    end if;
  end loop;
end $$;

create policy for_research on bothwell_response for select to bothwell_research using (
  clinic_id = (select door.asked_clinic()) and status = 'sent'
  and ((kind = 'measure.individual' and subject_id = any(array(select door.research_people('measure.individual'))))
       or (kind = 'measure.relationship' and subject_id = any(array(select door.research_people('measure.relationship'))))));
grant select (id, clinic_id, subject_id, instrument, kind, wave, status, sent_at, total, scores) on bothwell_response to bothwell_research;
create policy for_research on bothwell_couple for select to bothwell_research using (
  clinic_id = (select door.asked_clinic()) and (id = any(array(select door.research_couples('measure.individual')))
                                                or id = any(array(select door.research_couples('measure.relationship')))));
grant select (id, clinic_id, formed_at, parted_at) on bothwell_couple to bothwell_research;
create policy for_research on bothwell_membership for select to bothwell_research using (
  clinic_id = (select door.asked_clinic()) and (couple_id = any(array(select door.research_couples('measure.individual')))
                                                or couple_id = any(array(select door.research_couples('measure.relationship')))));
grant select (id, clinic_id, couple_id, person_id, side) on bothwell_membership to bothwell_research;
create policy for_research on bothwell_clinic for select to bothwell_research using (id = (select door.asked_clinic()));
grant select (id, timezone) on bothwell_clinic to bothwell_research;
create policy for_research on bothwell_analysis for select to bothwell_research using (clinic_id = (select door.asked_clinic()));
create policy for_research on bothwell_analysisrun for select to bothwell_research using (clinic_id = (select door.asked_clinic()));
create policy reckoned on bothwell_analysisrun for update to bothwell_research
  using (id = any(array(select door.asked_run()))) with check (clinic_id is not null);  -- what is done is seen no more
grant select on bothwell_analysis, bothwell_analysisrun to bothwell_research;
grant update (state, progress, done_at, result, reason, ended, data_hash, code_version) on bothwell_analysisrun to bothwell_research;
create policy for_research on bothwell_analysisuse for select to bothwell_research using (clinic_id = (select door.asked_clinic()));
create policy used on bothwell_analysisuse for insert to bothwell_research with check (
  clinic_id = (select door.asked_clinic()) and run_id = any(array(select door.asked_run())));
grant select, insert on bothwell_analysisuse to bothwell_research;
create policy reckoned on bothwell_auditentry for insert to bothwell_research with check (
  actor_id is null and service = 'outcomes' and subject_id is null and couple_id is null and clinic_id = (select door.asked_clinic()));
grant insert on bothwell_auditentry to bothwell_research;

create policy logged on bothwell_auditentry for insert to bothwell_work with check (actor_id is null and service <> '');
grant insert on bothwell_auditentry to bothwell_work;

create function door.has_demo() returns boolean language sql stable security definer set search_path = public as $$
  select exists (select 1 from bothwell_clinic where is_demo)
$$;

-- What the public page says to somebody who is not logged in: the clinic's name and the crisis lines it confirmed for all.
-- Only where one clinic is at home here: with several, nothing is told of any.
create function door.front() returns table (name text, crisis_lines jsonb) language sql stable security definer set search_path = public as $$
  select c.name::text, c.crisis_lines from bothwell_clinic c
  where jsonb_array_length(c.crisis_lines) > 0 and (select count(*) from bothwell_clinic) = 1
$$;

-- The loader writes into clinics that are invented, or that nobody has set up yet; nowhere else.
create function door.loadable() returns setof uuid language sql stable security definer set search_path = public as $$
  select id from bothwell_clinic where is_demo or set_up_at is null
$$;
do $$
declare t record;
begin
  for t in select c.table_name::text as name from information_schema.columns c join information_schema.tables k using (table_schema, table_name)
           where c.table_schema = 'public' and c.column_name = 'clinic_id' and c.table_name like 'bothwell\_%' and k.table_type = 'BASE TABLE' loop
    execute format('create policy invented on %I for all to bothwell_loader using (clinic_id = any(array(select door.loadable()))) with check (clinic_id = any(array(select door.loadable())))', t.name);
    execute format('grant select, insert, update on %I to bothwell_loader', t.name);
  end loop;
end $$;
create policy invented on bothwell_clinic for all to bothwell_loader using (is_demo or set_up_at is null) with check (is_demo or set_up_at is null);
create policy invented on bothwell_user for all to bothwell_loader using (person_id in (select id from bothwell_person)) with check (person_id in (select id from bothwell_person));
grant select, insert, update on bothwell_clinic, bothwell_user to bothwell_loader;

-- The web login, before the door: sessions, addresses, second factors.
grant select, insert, update, delete on django_session, account_emailaddress, account_emailconfirmation, mfa_authenticator to bothwell_web;
grant select on django_content_type, auth_permission to bothwell_web;
grant usage on all sequences in schema public to bothwell_web, bothwell_viewer, bothwell_work;
grant select, insert, update on account_emailaddress, mfa_authenticator to bothwell_loader;
grant usage on all sequences in schema public to bothwell_loader;

-- Jobs carry identifiers only. Whoever may act may defer one; only the worker takes them.
grant insert on procrastinate_jobs, procrastinate_events to bothwell_viewer, bothwell_web;
grant select (id) on procrastinate_jobs to bothwell_viewer, bothwell_web;
grant select, insert, update, delete on procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers to bothwell_work;

grant execute on all functions in schema door to bothwell_viewer, bothwell_rules;
revoke execute on all functions in schema door from public;
grant execute on function door.me(), door.clinic(), door.front() to bothwell_web;
revoke execute on function door.couple_of(uuid) from bothwell_viewer;
revoke execute on function door.front() from bothwell_viewer;  -- behind the door everybody sees their own clinic
grant execute on function door.has_demo() to bothwell_web, bothwell_work;
grant execute on function door.asked_run(), door.asked_clinic(), door.research_couples(text), door.research_people(text) to bothwell_research;
revoke execute on function door.asked_run(), door.asked_clinic(), door.consent_to_research(uuid, text), door.give_to_research(uuid, text), door.research_couples(text), door.research_people(text) from bothwell_viewer;
grant execute on function door.loadable() to bothwell_loader;

------------------------------------------------------------------------------------------------- force, everywhere
do $$
declare t text;
begin
  for t in select tablename from pg_tables where schemaname = 'public' and tablename like 'bothwell\_%' loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
  end loop;
end $$;
-- Readings are looked at through `bothwell_sample`, whose policies then hold. The tables of the months below it, and those
-- put away, have no policy and no grant, and lie where no role of ours may look.
do $$
declare t record;
begin
  for t in select schemaname, tablename from pg_tables where schemaname in ('months', 'archive') loop
    execute format('alter table %I.%I enable row level security', t.schemaname, t.tablename);
    execute format('alter table %I.%I force row level security', t.schemaname, t.tablename);
  end loop;
end $$;
revoke all on schema months, archive from public, bothwell_viewer, bothwell_web, bothwell_work, bothwell_research, bothwell_rules, bothwell_loader;
revoke all on all tables in schema months, archive from public, bothwell_viewer, bothwell_web, bothwell_work, bothwell_research, bothwell_rules, bothwell_loader;
revoke all on all functions in schema months from public, bothwell_viewer, bothwell_web, bothwell_work, bothwell_research, bothwell_rules, bothwell_loader;
-- Who works at the clinic's own machine, puts a month away or lets somebody in who lost their second factor, says so in the log,
-- as a service. Whose login an address is, is asked for the latter alone.
create policy at_the_machine on bothwell_auditentry for insert to bothwell_owner
  with check (actor_id is null and service in ('archive', 'command line'));
create policy for_the_rules on bothwell_user for select to bothwell_rules using (true);
grant select (id, person_id, email) on bothwell_user to bothwell_rules;

----------------------------------------------------------------------------------------- invariants and the chain
-- A couple is two people, counted when the transaction ends.
create function door.count_partners() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if (select count(*) from bothwell_membership where couple_id = new.id) <> 2 then
    raise exception 'a couple has exactly two partners' using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger exactly_two after insert on bothwell_couple deferrable initially deferred
  for each row execute function door.count_partners();

-- What is on record stays on record: no row of a clinical table is deleted; the log is never changed either.
create function door.refuse() returns trigger language plpgsql as $$
begin
  raise exception '% on % is refused: records are added to, never removed', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
do $$
declare t text;
begin
  for t in select tablename from pg_tables where schemaname = 'public' and tablename like 'bothwell\_%' and tablename <> 'bothwell_doorkey' loop
    execute format('create trigger kept before delete on %I for each row execute function door.refuse()', t);
  end loop;
  foreach t in array array['bothwell_auditentry', 'bothwell_auditlink', 'bothwell_vial', 'bothwell_vialevent', 'bothwell_vialuse',
      'bothwell_inventory', 'bothwell_discrepancy', 'bothwell_discrepancyresolved', 'bothwell_analysis', 'bothwell_analysisuse'] loop
    execute format('create trigger never_changed before update on %I for each row execute function door.refuse()', t);
    execute format('create trigger never_emptied before truncate on %I for each statement execute function door.refuse()', t);
  end loop;
  for t in select tablename from pg_tables where schemaname = 'archive' loop  -- months put away: no longer below a table that says so
    execute format('create trigger kept before delete on archive.%I for each row execute function door.refuse()', t);
  end loop;
end $$;

-- The chain. At commit each new entry is linked to the one before it, one clinic at a time.
-- `privacy/audit.py` computes the same text and hash in Python.
create function door.link() returns trigger language plpgsql security definer set search_path = public as $$
declare
  last record;
  body text;
begin
  perform pg_advisory_xact_lock(hashtextextended('audit ' || new.clinic_id::text, 0));
  select number, hash into last from bothwell_auditlink where clinic_id = new.clinic_id order by number desc limit 1;
  body := concat_ws(chr(31), coalesce(last.hash, ''), (coalesce(last.number, 0) + 1)::text, new.id::text, new.clinic_id::text,
    (extract(epoch from new.at) * 1000000)::bigint::text, coalesce(new.actor_id::text, ''), new.service, new.action,
    coalesce(new.subject_id::text, ''), coalesce(new.couple_id::text, ''), new.item_kind, coalesce(new.item_id::text, ''),
    new.why, new.sealed::text);
  insert into bothwell_auditlink (id, clinic_id, entry_id, number, before, hash)
  values (gen_random_uuid(), new.clinic_id, new.id, coalesce(last.number, 0) + 1, coalesce(last.hash, ''),
          encode(sha256(convert_to(body, 'UTF8')), 'hex'));
  return null;
end $$;
create constraint trigger chained after insert on bothwell_auditentry deferrable initially deferred
  for each row execute function door.link();

-- Whoever signs in the books of the vials stands there by the name and title they had then, whatever they are called later. Names of
-- staff alone: no book of vials names a patient.
create function door.sign() returns trigger language plpgsql security definer set search_path = public as $$
declare
  who text;
  mine jsonb := to_jsonb(new);
  names jsonb := '{}';
begin
  foreach who in array array['author', 'witness', 'second_witness'] loop
    if mine ? (who || '_signed') then
      names := names || jsonb_build_object(who || '_signed', coalesce(
        (select concat_ws(', ', p.name_used, nullif(p.title, '')) from bothwell_person p
         where p.id = (mine ->> (who || '_id'))::uuid and p.clinic_id = new.clinic_id and p.kind = 'staff'), ''));
    end if;
  end loop;
  return jsonb_populate_record(new, names);
end $$;
do $$
declare t text;
begin
  foreach t in array array['bothwell_vial', 'bothwell_vialevent', 'bothwell_inventory', 'bothwell_discrepancy', 'bothwell_discrepancyresolved'] loop
    execute format('create trigger signed before insert on %I for each row execute function door.sign()', t);
  end loop;
end $$;

-- An order is given or withdrawn, never both: whoever does the one waits for whoever does the other.
create function door.given_or_withdrawn() returns trigger language plpgsql security definer set search_path = public as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('order ' || new.order_id::text, 0));
  if (case tg_table_name
        when 'bothwell_dosingsession' then exists (select 1 from bothwell_orderwithdrawn w where w.order_id = new.order_id)
        else exists (select 1 from bothwell_dosingsession s where s.order_id = new.order_id)
      end) then
    raise exception 'an order is given or withdrawn, never both' using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger given_or_withdrawn before insert on bothwell_orderwithdrawn for each row execute function door.given_or_withdrawn();
create trigger given_or_withdrawn before insert or update of order_id on bothwell_dosingsession for each row
  when (new.order_id is not null) execute function door.given_or_withdrawn();

-- The two of a couple are never in dosing sessions at once, whatever couple stands on the rows: asked of the couple they are in now,
-- when one arrives and when two become a couple. One after another in a clinic, so that the second finds the first. Afterwards,
-- so that row-level security has had its say.
create function door.never_both_at_once() returns trigger language plpgsql security definer set search_path = public as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('arrivals ' || new.clinic_id::text, 0));
  if (select count(distinct s.subject_id) from bothwell_membership m join bothwell_dosingsession s on s.subject_id = m.person_id
      where m.couple_id = door.couple_of((to_jsonb(new) ->> tg_argv[0])::uuid) and m.until is null
      and s.arrived_at is not null and s.ended_at is null) > 1 then
    raise exception 'both partners would be in a dosing session at once'
      using errcode = 'exclusion_violation', constraint = 'never_both_partners_at_once';
  end if;
  return null;
end $$;
create trigger never_both_at_once after insert or update of subject_id, arrived_at, ended_at on bothwell_dosingsession for each row
  when (new.arrived_at is not null and new.ended_at is null) execute function door.never_both_at_once('subject_id');
create trigger never_both_at_once after insert or update of couple_id, person_id, until on bothwell_membership for each row
  when (new.until is null) execute function door.never_both_at_once('person_id');

-- The ledger of a vial. One line after another: two who write at once wait for each other, and each line carries the
-- balances after it, reckoned here from the line before. What cannot be (less than nothing in a vial or a syringe, a
-- draw from a closed or expired vial) the table's own checks then refuse, after row-level security has had its say.
-- `dosing/ledger.py` reckons the same; a test lets the two run side by side.
create function door.tally() returns trigger language plpgsql security definer set search_path = public as $$
declare
  label record;
  last record;
  wrong record;
  moved text := new.kind;
  change int := new.volume_ul;
  in_vial int := 0;
  in_syringe int := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('vial ' || new.vial_id::text, 0));
  select v.ug_per_ml, v.expires_on, c.timezone into label from bothwell_vial v join bothwell_clinic c on c.id = v.clinic_id where v.id = new.vial_id;
  select e.number, e.on_hand_ul, e.is_open, e.is_expired into last from bothwell_vialevent e
  where e.vial_id = new.vial_id order by e.number desc limit 1;
  if new.kind = 'correct' then
    select e.kind, e.volume_ul, e.syringe into wrong from bothwell_vialevent e where e.id = new.corrects_id and e.vial_id = new.vial_id
      and e.kind in ('draw', 'administer', 'waste', 'dead_space', 'return', 'transfer', 'destroy');
    moved := wrong.kind;
    change := -wrong.volume_ul;  -- null where there is no such line: then there is no balance, and no row
    new.syringe := wrong.syringe;
  end if;
  case
    when moved is null then
      in_vial := null;
    when moved in ('receive', 'adjust') then
      in_vial := change;
    when moved = 'draw' then
      in_vial := -change;
      in_syringe := change;
    when moved in ('administer', 'dead_space') or (moved = 'waste' and new.syringe is not null) then
      in_syringe := -change;
    when moved in ('waste', 'return', 'transfer', 'destroy') then
      in_vial := -change;
    else
      null;
  end case;
  new.number := coalesce(last.number, 0) + 1;
  new.amount_ug := new.volume_ul::bigint * label.ug_per_ml / 1000;
  new.on_hand_ul := coalesce(last.on_hand_ul, 0) + in_vial;
  new.held_ul := case when new.syringe is not null then in_syringe + coalesce(
    (select e.held_ul from bothwell_vialevent e where e.vial_id = new.vial_id and e.syringe = new.syringe order by e.number desc limit 1), 0) end;
  new.is_open := coalesce(last.is_open, false) or new.kind = 'open';
  new.is_expired := coalesce(last.is_expired, false) or new.kind = 'expire';
  new.is_usable := new.is_open and not new.is_expired and (new.at at time zone label.timezone)::date <= label.expires_on;
  return new;
end $$;
create trigger tallied before insert on bothwell_vialevent for each row execute function door.tally();

-- A count that does not agree with the ledger opens a discrepancy in the same transaction, or is not kept at all.
create function door.count_agrees() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if new.kind = 'count' and new.observed_ul <> new.on_hand_ul
     and not exists (select 1 from bothwell_discrepancy d where d.event_id = new.id and d.vial_id = new.vial_id
                     and d.expected_ul = new.on_hand_ul and d.observed_ul = new.observed_ul) then
    raise exception 'a count that differs opens a discrepancy' using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger opens_a_discrepancy after insert on bothwell_vialevent deferrable initially deferred
  for each row execute function door.count_agrees();

-- A row hangs together: what it names is of its own clinic, its couple is its subject's, and its parent is about the
-- same person or couple. Without this a key or a unique constraint would tell of rows that nobody showed, and a
-- nurse could sign off another person's session. Whatever is wrong, the answer is row-level security's own sentence.
create function door.hangs_together() returns trigger language plpgsql security definer set search_path = public as $$
declare
  mine jsonb := to_jsonb(new);
  about uuid := (mine ->> 'subject_id')::uuid;
  pair uuid := (mine ->> 'couple_id')::uuid;
  parent record;
  n int := 0;
  fits boolean := about is null or pair is null
    or exists (select 1 from bothwell_membership m where m.couple_id = pair and m.person_id = about);
begin
  -- Arguments come in threes: column, parent table, whether the parent has a subject and a couple.
  while n < tg_nargs loop
    if mine ->> tg_argv[n] is not null then
      execute format('select clinic_id, %s from %I where id = $1',
                     case when tg_argv[n + 2] = 'private' then 'subject_id, couple_id' else 'null::uuid as subject_id, null::uuid as couple_id' end,
                     tg_argv[n + 1])
        into parent using (mine ->> tg_argv[n])::uuid;
      fits := fits and coalesce(parent.clinic_id = (mine ->> 'clinic_id')::uuid
        and (tg_argv[n + 2] <> 'private' or door.same_chart(about, pair, parent.subject_id, parent.couple_id)), false);
    end if;
    n := n + 3;
  end loop;
  -- One place for every reason: even the context of the error is the same.
  if not fits then
    raise exception 'new row violates row-level security policy for table "%"', tg_table_name using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;

-- Readings lie in months, and a unique index spans one month only: that a post is kept once is asked here, after row-level
-- security has had its say. Two of the same post wait for each other, by the lock `monitoring.writing_actions` takes too.
create function door.one_post() returns trigger language plpgsql security definer set search_path = public as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(new.request_id::text, 0));
  if exists (select 1 from bothwell_sample s where s.clinic_id = new.clinic_id and s.session_id = new.session_id
             and s.request_id = new.request_id and s.code = new.code and (s.id, s.observed_at) <> (new.id, new.observed_at)) then
    raise exception 'this post was kept already' using errcode = 'unique_violation', constraint = 'one_sample_a_post';
  end if;
  return null;
end $$;
create trigger one_post after insert on bothwell_sample for each row when (new.request_id is not null) execute function door.one_post();
grant select (observed_at, session_id, request_id, code) on bothwell_sample to bothwell_rules;

create function door.same_chart(subject uuid, couple uuid, parents_subject uuid, parents_couple uuid) returns boolean
language sql stable security definer set search_path = public as $$
  select case
    when subject is not null and parents_subject is not null then subject = parents_subject
    when subject is null and parents_subject is null then couple is not distinct from parents_couple
    when parents_subject is null and couple is not null then couple = parents_couple
    else exists (select 1 from bothwell_membership m where m.person_id = coalesce(subject, parents_subject)
                 and m.couple_id = coalesce(case when subject is null then couple end, parents_couple))
  end
$$;

-- What monitors say comes by the thousand a second: all of it is its session's own, and one look tells.
create function door.is_of_its_session() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if not exists (select 1 from bothwell_dosingsession s join bothwell_device d on d.id = new.device_id and d.clinic_id = s.clinic_id
                 where s.id = new.session_id and s.clinic_id = new.clinic_id and s.subject_id = new.subject_id
                 and s.couple_id is not distinct from new.couple_id) then
    raise exception 'new row violates row-level security policy for table "%"', tg_table_name using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger is_of_its_session before insert on bothwell_sample for each row
  when (new.device_id is not null and new.author_id is null and new.corrects_id is null) execute function door.is_of_its_session();

do $$
declare t record; c record; seen text[] := '{}';
begin
  for t in
    select child.relname::text as name,
           string_agg(format('%L, %L, %L', a.attname, parent.relname,
             case when exists (select 1 from pg_attribute x where x.attrelid = parent.oid and x.attname = 'couple_id')
                   and exists (select 1 from pg_attribute x where x.attrelid = parent.oid and x.attname = 'subject_id')
                  then 'private' else 'common' end), ', ' order by a.attname) as arguments,
           array_agg(distinct parent.relname::text) as parents
    from (select conrelid, confrelid, conkey, contype from pg_constraint
          -- The table of a month holds this key, not the one above it.
          union all select a.attrelid, a.attrelid, array[a.attnum], 'f' from pg_attribute a
          where a.attrelid = 'bothwell_sample'::regclass and a.attname = 'corrects_id') k
    join pg_class child on child.oid = k.conrelid join pg_class parent on parent.oid = k.confrelid
    join pg_attribute a on a.attrelid = child.oid and a.attnum = k.conkey[1]
    where k.contype = 'f' and child.relnamespace = 'public'::regnamespace and child.relname like 'bothwell\_%'
      and parent.relname like 'bothwell\_%' and parent.relname <> 'bothwell_clinic'
      and child.relname not in ('bothwell_auditentry', 'bothwell_auditlink', 'bothwell_user')
    group by child.relname
  loop
    execute format('create trigger hangs_together before insert on %I for each row %s execute function door.hangs_together(%s)', t.name,
                   case when t.name = 'bothwell_sample' then 'when (not (new.device_id is not null and new.author_id is null and new.corrects_id is null))' end,
                   t.arguments);
    seen := seen || t.parents;
  end loop;
  -- To compare them, the rules read the identifiers of the rows named; of those tables nothing else.
  for c in select k.table_name::text as name, string_agg(k.column_name, ', ') as columns from information_schema.columns k
           where k.table_schema = 'public' and k.table_name = any(seen) and k.column_name in ('id', 'clinic_id', 'subject_id', 'couple_id')
           group by k.table_name loop
    execute format('grant select (%s) on %I to bothwell_rules', c.columns, c.name);
    if not exists (select 1 from pg_policies p where p.tablename = c.name and p.policyname = 'for_the_rules') then
      execute format('create policy for_the_rules on %I for select to bothwell_rules using (true)', c.name);
    end if;
  end loop;
end $$;

-- A couple that parts: what was planned for both is cancelled, and what either opened to the other or released to their
-- therapist ends with it, and can be given anew to whoever comes later.
create function door.part() returns trigger language plpgsql security definer set search_path = public as $$
begin
  update bothwell_couplesession set state = 'cancelled' where couple_id = new.id and state = 'planned' and at > now();
  update bothwell_consent set withdrawn_at = now()
  where withdrawn_at is null and release_to = 'couples_therapist'
    and subject_id in (select m.person_id from bothwell_membership m where m.couple_id = new.id);
  update bothwell_grant set revoked_at = new.parted_at
  where revoked_at is null and couple_id = new.id and audience <> 'individual_therapist';
  -- Who knows the address of the other's calendar is not known.
  update bothwell_calendarfeed set ended_at = now()
  where ended_at is null and subject_id in (select m.person_id from bothwell_membership m where m.couple_id = new.id);
  return null;
end $$;
create trigger parted after update of parted_at on bothwell_couple for each row
  when (old.parted_at is null and new.parted_at is not null) execute function door.part();
create policy ended_with_the_couple on bothwell_couplesession for update to bothwell_rules using (state = 'planned') with check (state = 'cancelled');
create policy ended_with_the_couple on bothwell_consent for update to bothwell_rules using (withdrawn_at is null) with check (withdrawn_at is not null);
grant select (id, clinic_id, couple_id, state, at), update (state) on bothwell_couplesession to bothwell_rules;
grant update (withdrawn_at) on bothwell_consent to bothwell_rules;
create policy ended_with_the_couple on bothwell_grant for update to bothwell_rules using (revoked_at is null) with check (revoked_at is not null);
grant update (revoked_at) on bothwell_grant to bothwell_rules;
create policy ended_with_the_couple on bothwell_calendarfeed for update to bothwell_rules using (ended_at is null) with check (ended_at is not null);
create policy for_the_rules on bothwell_calendarfeed for select to bothwell_rules using (true);
grant select (subject_id, ended_at), update (ended_at) on bothwell_calendarfeed to bothwell_rules;

-- The two of a parted couple come together again: a hold that nobody has lifted stands on their new couple too, from today.
-- Like every hold it names nobody and no hour.
create function door.hold_follows() returns trigger language plpgsql security definer set search_path = public as $$
begin
  insert into bothwell_couplehold (id, clinic_id, couple_id, placed_on, recorded_at)
  select gen_random_uuid(), c.id, k.id, (now() at time zone c.timezone)::date,
         date_trunc('day', now() at time zone c.timezone) at time zone c.timezone
  from bothwell_couple k join bothwell_clinic c on c.id = k.clinic_id
  where k.id = new.couple_id and k.parted_at is null
    and not exists (select 1 from bothwell_couplehold h where h.couple_id = k.id)
    and exists (select 1 from bothwell_membership them
                join bothwell_membership once on once.person_id = them.person_id and once.couple_id <> k.id
                join bothwell_membership mine on mine.couple_id = once.couple_id and mine.person_id = new.person_id
                join bothwell_couplehold h on h.couple_id = once.couple_id
                where them.couple_id = k.id and them.person_id <> new.person_id
                  and not exists (select 1 from bothwell_coupleholdlifted l where l.hold_id = h.id));
  return null;
end $$;
create trigger a_hold_follows after insert on bothwell_membership for each row execute function door.hold_follows();
create policy follows on bothwell_couplehold for insert to bothwell_rules with check (author_id is null and subject_id is null);
grant insert (id, clinic_id, couple_id, placed_on, recorded_at) on bothwell_couplehold to bothwell_rules;

-- A colleague who turns out to be close to somebody leaves their care teams, sealed ones too: what they no longer see they
-- cannot look after, and somebody else is to take their place.
create function door.set_apart() returns trigger language plpgsql security definer set search_path = public as $$
declare kept_from uuid[] := array(select door.with_their_mates(array[new.subject_id]));
begin
  update bothwell_assignment a set until = greatest(now(), a.since) where a.staff_id = new.staff_id and (a.until is null or a.until > now())
    and (a.subject_id = any(kept_from)
         or a.couple_id in (select m.couple_id from bothwell_membership m where m.person_id = any(kept_from)));
  return null;
end $$;
create trigger set_apart after insert on bothwell_closeto for each row when (new.until is null) execute function door.set_apart();
create policy set_apart on bothwell_assignment for update to bothwell_rules using (true) with check (until is not null);
grant update (until) on bothwell_assignment to bothwell_rules;

-- Last, so that everything above exists: the functions belong to the role that may read what they need.
do $$
declare f record;
begin
  for f in select p.oid::regprocedure as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname = 'door' loop
    execute format('alter function %s owner to bothwell_rules', f.name);
  end loop;
end $$;
