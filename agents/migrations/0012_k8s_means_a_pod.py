"""An agent of type k8s is in a pod; people could call any agent that.

What was let go stays as it was called: its pod's row may be gone already.
"""

from django.db import migrations

REMOTE = """
SELECT set_config('k8s4r.cause', 'k8s_means_a_pod', true);
UPDATE agents_agent a SET type = 'remote', changed_at = clock_timestamp()
WHERE a.type = 'k8s' AND a.archived_at IS NULL
  AND NOT EXISTS (SELECT FROM pools_pod p WHERE p.agent_id = a.id);
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0011_lanes_of_pods"), ("pools", "0007_pods")]
    operations = [migrations.RunSQL(REMOTE, migrations.RunSQL.noop)]
