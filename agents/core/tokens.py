"""How long is an agent's token good? What dies when it rotates: `k8s4r.core.rotation`."""

from datetime import timedelta
from typing import Final

AGENT_TOKEN_LIFETIME: Final = timedelta(days=365)
# Of an agent in a pod. Twice the time after which it is replaced: a server that was away for an
# hour need not ask the cluster about every pod again.
POD_TOKEN_LIFETIME: Final = timedelta(hours=2)
POD_TOKEN_RENEWED_AFTER: Final = timedelta(hours=1)
