"""Which kinds of value do messages hold, and within which bounds?"""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=253)]
ShortText: TypeAlias = Annotated[str, Meta(max_length=4096)]
BootSeconds: TypeAlias = Annotated[float, Meta(ge=0)]
Sequence: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]
Token: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Facts: TypeAlias = dict[str, Any]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every message."""
