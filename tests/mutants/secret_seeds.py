"""The seeded bugs of who is let in for a pod (I16), and of what never gets out (I20)."""

from tests.mutants.seed import Seed

CONFIGS = "tests/api/test_k8s_configs.py::test_"
IDENTIFYING = "tests/services/test_identifying.py::test_"

SECRET_SEEDS: tuple[Seed, ...] = (
    Seed(
        name="any-pod-of-this-name-is-the-pod",
        invariant="I16",
        path="pools/core/identity.py",
        old="    return Mismatch.OTHER_UID if uid and reviewed.pod_uid != uid else None",
        new="    return None",
        tests=("tests/core/test_pod_identity.py", "tests/services/test_identifying.py"),
    ),
    Seed(
        name="who-is-vouched-for-gets-in-whatever-came-meanwhile",
        invariant="I16",
        path="pools/services/identifying.py",
        old='if row.uid not in {"", uid} or not identity.may_ask(PodState(row.state), row.uid):',
        new="if False:",
        tests=(f"{IDENTIFYING}a_pod_that_is_let_go_while_its_cluster_thinks_gets_nothing",),
    ),
    Seed(
        name="a-credential-is-kept-as-it-came",
        invariant="I20",
        path="pools/services/configs.py",
        old="""    row.encrypted_credential = vault.envelope().encrypt(
        credentials.stored(credential), place(row.pk)
    )""",
        new="    row.encrypted_credential = credentials.stored(credential)",
        tests=(f"{CONFIGS}the_credential_is_encrypted_and_in_no_answer_log_event_or_error",),
    ),
    Seed(
        name="a-refused-credential-is-quoted",
        invariant="I20",
        path="pools/core/credentials.py",
        old='at, "token", f"at most {MOST_OF_A_TOKEN} characters of a bearer token"',
        new='at, "token", f"{text} is no bearer token"',
        tests=(f"{CONFIGS}the_credential_is_encrypted_and_in_no_answer_log_event_or_error",),
    ),
    Seed(
        name="a-credential-goes-wherever-its-config-leads",
        invariant="I20",
        path="pools/services/configs.py",
        old="    if credential is None:\n        _check_same_place(row, changes)",
        new="    if False:\n        _check_same_place(row, changes)",
        tests=(
            f"{CONFIGS}a_credential_is_not_sent_to_another_server_than_it_was_given_for",
            "tests/services/test_k8s_configs.py",
        ),
    ),
)
