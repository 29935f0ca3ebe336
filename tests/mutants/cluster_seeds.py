"""The seeded bugs of what is believed of clusters, and done in them."""

from tests.mutants.seed import Seed

PLAN = ("tests/core/test_pod_plan.py",)
ACTING = "tests/services/test_acting.py::test_"

CLUSTER_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="not-ready-counts-as-gone",
        invariant="I11",
        path="pools/core/plan.py",
        old="        return _Fate(PodEvent.OUT_OF_SIGHT, _lost_node(seen, nodes) or trouble, seen)",
        new="        return _Fate(PodEvent.GONE, _lost_node(seen, nodes) or trouble, seen)",
        tests=PLAN,
    ),
    Seed(
        name="an-empty-list-means-that-all-are-gone",
        invariant="I11",
        path="pools/core/absences.py",
        old="    return missing > rules.missing_pods and missing > rules.missing_share * expected",
        new="    return False",
        tests=PLAN,
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
        tests=PLAN,
    ),
    Seed(
        name="a-pod-without-a-row-is-deleted-at-first-sight",
        invariant="I11",
        path="pools/core/absences.py",
        old="        if seen.uid in memory.odd\n        and not seen.deleting",
        new="        if not seen.deleting",
        tests=PLAN,
    ),
    Seed(
        name="whatever-is-asked-to-be-deleted-is-deleted",
        invariant="I10",
        path="pools/services/acting.py",
        old="            kind=ActionKind.DELETE,\n            pod__state=PodState.DELETING,\n"
        "            pod__agent__desired__in=[Desired.DRAINING, Desired.REVOKED],",
        new="            kind=ActionKind.DELETE,",
        tests=(f"{ACTING}no_delete_is_taken_of_a_pod_that_nobody_drained",),
    ),
    Seed(
        name="a-failed-pod-goes-before-its-work-is-settled",
        invariant="I10",
        path="pools/services/acting.py",
        old="pod__state=PodState.FAILED, pod__agent__archived_at__isnull=False",
        new="pod__state=PodState.FAILED",
        tests=(f"{ACTING}a_failed_pod_stays_while_its_work_is_not_settled",),
    ),
    Seed(
        name="a-create-that-finds-its-pod-has-failed",
        invariant="I11",
        path="pools/services/doing.py",
        old="        if found.labels.get(POD_LABEL) != str(job.pod.id):",
        new="        if True:",
        tests=(f"{ACTING}a_create_whose_answer_was_lost_finds_the_pod_that_it_made",),
    ),
    Seed(
        name="out-of-sight-loses-its-work",
        invariant="I11",
        path="executors/services/departures.py",
        old="_ENDED: Final = (PodState.FAILED, PodState.GONE)",
        new="_ENDED: Final = (PodState.FAILED, PodState.GONE, PodState.UNKNOWN)",
        tests=("tests/services/test_departures.py::test_nobody_else_loses_anything",),
    ),
)
