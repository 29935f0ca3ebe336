"""Foreign keys of the two busy tables without an index of their own.

Every move of a row writes every index once more. By hand: `AlterField` would drop the partial
unique indexes of the same columns as well.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


DROP = """
DROP INDEX
    executors_task_project_id_bb9f04e8,
    executors_task_owner_id_966f5d36,
    executors_task_pool_id_2174f510,
    executors_task_requirement_id_bb57c9b0,
    executors_task_parent_id_33b23321,
    executors_task_agent_id_b9accc0e,
    executors_task_requirement_id_bb57c9b0_like,
    executors_attempt_task_id_8f81d074,
    executors_attempt_agent_id_a19bb91b,
    executors_attempt_slot_id_88b65372,
    executors_attempt_project_id_193883f1;
"""

CREATE = """
CREATE INDEX executors_task_project_id_bb9f04e8 ON executors_task (project_id);
CREATE INDEX executors_task_owner_id_966f5d36 ON executors_task (owner_id);
CREATE INDEX executors_task_pool_id_2174f510 ON executors_task (pool_id);
CREATE INDEX executors_task_requirement_id_bb57c9b0 ON executors_task (requirement_id);
CREATE INDEX executors_task_parent_id_33b23321 ON executors_task (parent_id);
CREATE INDEX executors_task_agent_id_b9accc0e ON executors_task (agent_id);
CREATE INDEX executors_task_requirement_id_bb57c9b0_like
    ON executors_task (requirement_id varchar_pattern_ops);
CREATE INDEX executors_attempt_task_id_8f81d074 ON executors_attempt (task_id);
CREATE INDEX executors_attempt_agent_id_a19bb91b ON executors_attempt (agent_id);
CREATE INDEX executors_attempt_slot_id_88b65372 ON executors_attempt (slot_id);
CREATE INDEX executors_attempt_project_id_193883f1 ON executors_attempt (project_id);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("agents", "0002_laws"),
        ("executors", "0002_laws"),
        ("pools", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(DROP, CREATE)],
            state_operations=[
                migrations.AlterField(
                    model_name="attempt",
                    name="agent",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.agent",
                    ),
                ),
                migrations.AlterField(
                    model_name="attempt",
                    name="project",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.project",
                    ),
                ),
                migrations.AlterField(
                    model_name="attempt",
                    name="slot",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.slot",
                    ),
                ),
                migrations.AlterField(
                    model_name="attempt",
                    name="task",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="executors.task",
                    ),
                ),
                migrations.AlterField(
                    model_name="task",
                    name="agent",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.agent",
                    ),
                ),
                migrations.AlterField(
                    model_name="task",
                    name="owner",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="task",
                    name="parent",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="executors.task",
                    ),
                ),
                migrations.AlterField(
                    model_name="task",
                    name="pool",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="pools.pool",
                    ),
                ),
                migrations.AlterField(
                    model_name="task",
                    name="project",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.project",
                    ),
                ),
                migrations.AlterField(
                    model_name="task",
                    name="requirement",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="executors.requirement",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("parent__isnull", False)),
                fields=["parent"],
                name="task_by_parent",
            ),
        ),
    ]
