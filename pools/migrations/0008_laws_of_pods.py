"""What is gone stays gone, and every change of a config or a pod leaves an event."""

from django.db import migrations

from k8s4r.audit.watching import UNTIL_ARCHIVED, Watched, watch

REFUSE_RETURN = """
CREATE FUNCTION pools_refuse_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pod % is gone and stays so', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER pools_pod_final BEFORE UPDATE ON pools_pod FOR EACH ROW
    WHEN (OLD.state = 'gone' AND NEW.state <> OLD.state) EXECUTE FUNCTION pools_refuse_return();
CREATE FUNCTION pools_refuse_other_uid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pod % keeps its uid', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER pools_pod_uid BEFORE UPDATE ON pools_pod FOR EACH ROW
    WHEN (OLD.uid <> '' AND NEW.uid <> OLD.uid) EXECUTE FUNCTION pools_refuse_other_uid();
ALTER TABLE pools_pod SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
"""
UNDO = """
DROP TRIGGER pools_pod_final ON pools_pod;
DROP TRIGGER pools_pod_uid ON pools_pod;
DROP FUNCTION pools_refuse_return, pools_refuse_other_uid;
"""

CONFIG = Watched(
    table="pools_k8sconfig",
    kind="k8s_config",
    project="r.project_id",
    state=UNTIL_ARCHIVED,
    moment="r.changed_at",
    hidden=("encrypted_credential",),
    unread=("created_at", "changed_at"),
)
POD = Watched(
    table="pools_pod",
    kind="pod",
    project="(SELECT p.project_id FROM pools_pool p WHERE p.id = r.pool_id)",
    state="r.state",
    moment="r.changed_at",
    unread=("created_at", "changed_at", "observed_at", "ready_at", "idle_since", "log"),
)


class Migration(migrations.Migration):
    dependencies = [("pools", "0007_pods"), ("audit", "0003_row_events")]
    operations = [migrations.RunSQL(REFUSE_RETURN, UNDO), watch(CONFIG, POD)]
