"""The seeded bugs of what is believed of clusters, and done in them."""

from tests.mutants.seed import Seed

PLAN = ("tests/core/test_pod_plan.py",)
RECONCILING = ("tests/services/test_reconciling.py",)
ACTING = ("tests/services/test_acting.py",)

CLUSTER_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="not-ready-counts-as-gone",
        invariant="I11",
        path="pools/core/plan.py",
        old="        return _Fate(PodEvent.OUT_OF_SIGHT, _lost_node(seen, nodes) or trouble, seen)",
        new="        return _Fate(PodEvent.GONE, _lost_node(seen, nodes) or trouble, seen)",
        tests=(*PLAN, *RECONCILING),
    ),
    Seed(
        name="an-empty-list-means-that-all-are-gone",
        invariant="I11",
        path="pools/core/absences.py",
        old="    return missing > rules.missing_pods and missing > rules.missing_share * expected",
        new="    return False",
        tests=(*PLAN, *RECONCILING),
    ),
    Seed(
        name="missing-from-a-list-is-gone",
        invariant="I11",
        path="pools/core/plan.py",
        old="            return _Fate(PodEvent.OUT_OF_SIGHT, keeps_trouble=True)",
        new="            return _Fate(PodEvent.GONE, keeps_trouble=True)",
        tests=PLAN,
    ),
    Seed(
        name="any-cluster-is-believed",
        invariant="I11",
        path="pools/core/plan.py",
        old="    if memory.cluster_uid and memory.cluster_uid != observed.cluster_uid:",
        new="    if False:",
        tests=(*PLAN, *RECONCILING),
    ),
    Seed(
        name="a-pod-without-a-row-is-deleted-at-first-sight",
        invariant="I11",
        path="pools/core/absences.py",
        old="        if seen.uid in memory.odd\n        and not seen.deleting",
        new="        if not seen.deleting",
        tests=(*PLAN, *RECONCILING),
    ),
    Seed(
        name="whatever-is-asked-to-be-deleted-is-deleted",
        invariant="I10",
        path="pools/services/acting.py",
        old="            kind=ActionKind.DELETE,\n            pod__state=PodState.DELETING,\n"
        "            pod__agent__desired__in=[Desired.DRAINING, Desired.REVOKED],",
        new="            kind=ActionKind.DELETE,",
        tests=ACTING,
    ),
    Seed(
        name="a-failed-pod-goes-before-its-work-is-settled",
        invariant="I10",
        path="pools/services/acting.py",
        old="pod__state=PodState.FAILED, pod__agent__archived_at__isnull=False",
        new="pod__state=PodState.FAILED",
        tests=ACTING,
    ),
    Seed(
        name="a-create-that-finds-its-pod-has-failed",
        invariant="I11",
        path="pools/services/doing.py",
        old="        if found.labels.get(POD_LABEL) != str(job.pod.id):",
        new="        if True:",
        tests=ACTING,
    ),
    Seed(
        name="out-of-sight-loses-its-work",
        invariant="I11",
        path="executors/services/departures.py",
        old="_ENDED: Final = (PodState.FAILED, PodState.GONE)",
        new="_ENDED: Final = (PodState.FAILED, PodState.GONE, PodState.UNKNOWN)",
        tests=("tests/services/test_departures.py",),
    ),
)
