"""How long is an agent's token good, and which of its tokens die when another one is used?"""

from datetime import timedelta
from typing import Final

from k8s4r.core.rotation import TokenFacts, dead_by_use, is_good, must_mint, replaced_by_minting

__all__ = [
    "AGENT_TOKEN_LIFETIME",
    "TokenFacts",
    "dead_by_use",
    "is_good",
    "must_mint",
    "replaced_by_minting",
]

AGENT_TOKEN_LIFETIME: Final = timedelta(days=365)
