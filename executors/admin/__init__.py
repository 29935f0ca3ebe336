"""How do operators see tasks, their attempts and their logs?"""

from executors.admin.tasks import TaskAdmin

__all__ = ["TaskAdmin"]
