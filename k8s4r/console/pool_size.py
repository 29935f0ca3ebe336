"""Why is a pool of pods as large as it is, and how did that come about in the last hour?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.safestring import SafeString

from executors import pods
from k8s4r.pages import ago, span
from pools.models import Pool, ScalingDecision

SHOWN: Final = timedelta(hours=1)
WIDTH: Final = 600
HEIGHT: Final = 100
# Room above the highest number, for its line to be seen whole.
_TOP: Final = 3
_MOST_ROWS: Final = 30


@dataclass(frozen=True, slots=True)
class Look:
    """What one decision says in numbers: of slots the first three, of pods the others."""

    begun: datetime
    used: int
    queued: int
    desired: int
    ready: int

    @property
    def wanted(self) -> int:
        return self.used + self.queued


@dataclass(frozen=True, slots=True)
class Panel:
    """Two shapes over one hour, on one scale: paths of SVG, and the highest number in them."""

    solid: str
    other: str
    highest: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the chart's table."""

    at: SafeString | str
    look: Look
    code: str


def facts(pool: Pool, *, now: datetime) -> dict[str, Any]:
    """Return the newest reason, and a chart of the hour before with its table; two queries."""
    newest = pods.decisions(pool).first()
    if newest is None:
        return {"newest": None}
    since = now - SHOWN
    rows = pods.last_hour(pool, since=since)
    looks = [_look(row, since) for row in rows]
    return {
        "newest": newest,
        "since": ago(newest.at, now),
        "holds": span((now - newest.at).total_seconds()),
        "looks": looks,
        "last": _look(newest, since),
        "slots": _panel(looks, since, lambda one: one.used, lambda one: one.wanted, is_band=True),
        "pods": _panel(looks, since, lambda one: one.ready, lambda one: one.desired),
        "quarters": [WIDTH * part // 4 for part in (1, 2, 3)],
        "rows": [
            Row(ago(row.at, now), _look(row, since), row.code)
            for row in reversed(rows[-_MOST_ROWS:])
        ],
        "cli": f"k8s4r get decisions --pool {pool.name} -o wide",
        "json": f"/api/v1/agent-pools/{pool.pk}/decisions",
    }


def _look(row: ScalingDecision, since: datetime) -> Look:
    def asked(*words: str) -> int:
        return sum(int(lane.get(word, 0)) for lane in row.demand.values() for word in words)

    used = asked("busy", "held")
    return Look(max(row.at, since), used, asked("queued"), row.desired, row.ready)


def _panel(
    looks: Sequence[Look],
    since: datetime,
    solid: Callable[[Look], int],
    other: Callable[[Look], int],
    *,
    is_band: bool = False,
) -> Panel:
    """Return the area below ``solid``, and ``other``: the band between both, or a line."""
    highest = max([1, *(max(solid(one), other(one)) for one in looks)])
    lower = _steps(looks, since, solid, highest)
    upper = _steps(looks, since, other, highest)
    if not looks:
        return Panel("", "", highest)
    area = f"M{lower[0][0]:.1f},{HEIGHT} L{_path(lower)} L{WIDTH},{HEIGHT} Z"
    band = f"M{_path(upper)} L{_path(lower[::-1])} Z"
    return Panel(area, band if is_band else f"M{_path(upper)}", highest)


def _steps(
    looks: Sequence[Look], since: datetime, value: Callable[[Look], int], highest: int
) -> list[tuple[float, float]]:
    """Return the corners of a line that keeps its value until the next look, up to now."""
    corners: list[tuple[float, float]] = []
    for one in looks:
        x = WIDTH * ((one.begun - since) / SHOWN)
        y = HEIGHT - (HEIGHT - _TOP) * value(one) / highest
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    if corners:
        corners.append((WIDTH, corners[-1][1]))
    return corners


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return " L".join(f"{x:.1f},{y:.1f}" for x, y in corners)
