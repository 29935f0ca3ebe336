"""One function for the events of every table whose rows are settings: what was, and what is now.

A table says with `k8s4r.audit.watching.Watched` how its rows are called and read. Columns count
unless they are named as bookkeeping, so that a new one is in the history from its first day.
"""

from django.db import migrations

CHANGES = """
CREATE FUNCTION audit_changes(before jsonb, after jsonb, shown text[], hidden text[])
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(
        name, CASE WHEN name = ANY (hidden) THEN '["(hidden)", "(hidden)"]'::jsonb
                   ELSE jsonb_build_array(before -> name, after -> name) END), '{}'::jsonb)
    FROM unnest(shown || hidden) AS name
    WHERE coalesce(before -> name, 'null') <> coalesce(after -> name, 'null')
      AND (name <> ALL (hidden) OR (before IS NOT NULL AND after IS NOT NULL))
$$;
"""

# The texts of a trigger are SQL over a row `r`. Columns are compared as they are: a busy table pays
# for JSON only when something changed that people read.
ROW_EVENT = """
CREATE FUNCTION audit_row_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := TG_ARGV[0];
    identity text := TG_ARGV[1];
    project text := TG_ARGV[2];
    state text := TG_ARGV[3];
    moment text := TG_ARGV[4];
    agent text := TG_ARGV[5];
    hidden text[] := string_to_array(TG_ARGV[6], ',');
    unread text[] := string_to_array(TG_ARGV[7], ',');
    shown text[];
    before text := 'NULL::jsonb';
    after text := 'NULL::jsonb';
    from_state text := '''''';
    source text;
BEGIN
    SELECT coalesce(array_agg(attname::text ORDER BY attnum), '{}') INTO shown
    FROM pg_attribute
    WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped
      AND attname <> 'id' AND attname <> ALL (hidden || unread) AND '*' <> ALL (unread);
    IF TG_OP = 'INSERT' THEN
        source := 'new_rows r';
        after := 'to_jsonb(r)';
    ELSIF TG_OP = 'DELETE' THEN
        source := 'old_rows r';
        before := 'to_jsonb(r)';
        from_state := state;
        state := '''deleted''';
        moment := 'clock_timestamp()';
    ELSE
        SELECT format('new_rows r JOIN old_rows o ON o.id = r.id'
                      ' WHERE ROW(%s) IS DISTINCT FROM ROW(%s)',
                      string_agg('o.' || quote_ident(name), ','),
                      string_agg('r.' || quote_ident(name), ',')) INTO source
        FROM unnest(shown || hidden) AS name;
        before := 'to_jsonb(o)';
        after := 'to_jsonb(r)';
        from_state := format('(SELECT %s FROM (SELECT o.*) AS r)', state);
    END IF;
    EXECUTE format(
        'INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,'
        ' project_id, from_state, to_state, request_id, detail)'
        ' SELECT %s, $1, CASE WHEN $1 = ''agent'' AND $2 = '''' THEN %s ELSE $2 END, $3, $4, %s,'
        ' %s, %s, %s, $5, jsonb_build_object(''changes'', audit_changes(%s, %s, $6, $7)) FROM %s',
        moment, agent, identity, project, from_state, state, before, after, source)
    USING audit_setting('actor_kind', 'system'), audit_setting('actor_id', ''),
          audit_setting('cause', TG_OP), kind, audit_setting('request_id', ''), shown, hidden;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_origin")]
    operations = [
        migrations.RunSQL(CHANGES + ROW_EVENT, "DROP FUNCTION audit_row_event, audit_changes")
    ]
