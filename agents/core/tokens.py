"""How long is an agent's token good? What dies when it rotates: `k8s4r.core.rotation`."""

from datetime import timedelta
from typing import Final

AGENT_TOKEN_LIFETIME: Final = timedelta(days=365)
