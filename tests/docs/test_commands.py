"""What the documents tell people to type works: it is run here, or listed with the reason."""

import re
import tomllib

import httpx2
import pytest

from agents.client import config
from k8s4r.embedded import probes
from tests.docs import blocks, existence
from tests.docs.blocks import PAGES, ROOT, Command
from tests.waiting import wait_until

MACHINE = "changes this machine: its users, packages, services"
NOT_HERE = "names a machine, a file or a service that is not here"
IN_TASK = "is for a task that runs; tests/cli/test_chores.py has one that does it"
FIXTURE = "the platform of these tests is started by it"
WHOLE = "is this suite, or would be as long"
DOWN = "stops the platform that the other pages need; tests/embedded/test_backups.py does it"
DUMP = "needs the programs of a PostgreSQL of one's own"
# Not run here, only looked at: page, reason, then the commands as they stand there.
LISTED: dict[str, dict[str, tuple[str, ...]]] = {
    "README.md": {FIXTURE: ("make run",), WHOLE: ("make test",)},
    "docs/agent.md": {
        MACHINE: ("pip install '.[agent]'",),
        NOT_HERE: (
            "k8s4r-agent start --url https://k8s4r.example"
            " --enrolment-token-file /etc/k8s4r/enrolment --slots 4",
            "python -m agents.client start ...",
        ),
        IN_TASK: (
            '"$K8S4R_AGENT" progress 0.4 --text "4 of 10 folders"',
            '"$K8S4R_AGENT" annotate --context tests --style error "**3** of 120 tests failed"',
            './summary | "$K8S4R_AGENT" annotate --context summary -',
        ),
    },
    "docs/cli.md": {
        NOT_HERE: (
            "k8s4r run -- make -j4 test",
            "k8s4r run --require gpu=a100 --timeout 2h --attempts 3 -- python train.py",
            "k8s4r run --name nightly --label batch=7 -e MODE=full -e TOKEN -- ./backup",
            "k8s4r wait $(k8s4r run --detach -- make) && echo built",
            "k8s4r login https://k8s4r.example.com --name prod",
            "k8s4r context use prod",
        )
    },
    "docs/install.md": {
        FIXTURE: ("make run",),
        MACHINE: (
            "useradd --system --home-dir /var/lib/k8s4r k8s4r",
            "python3.11 -m venv /opt/k8s4r-0.1.0",
            "/opt/k8s4r-0.1.0/bin/pip install --require-hashes -r requirements.txt",
            "/opt/k8s4r-0.1.0/bin/pip install --no-deps .",
            "ln -sfn /opt/k8s4r-0.1.0 /opt/k8s4r",
            "chown -R k8s4r: /etc/k8s4r",
            "cp deploy/systemd/k8s4r-web.service deploy/systemd/k8s4r-worker.service"
            " /etc/systemd/system/",
            "systemctl daemon-reload",
            "systemctl enable --now k8s4r-web k8s4r-worker",
            "useradd --system --home-dir /var/lib/k8s4r-agent k8s4r-agent",
            "python3.11 -m venv /opt/k8s4r",
            "/opt/k8s4r/bin/pip install '.[agent]'",
            "cp deploy/systemd/k8s4r-agent.service /etc/systemd/system/",
            "systemctl enable --now k8s4r-agent",
        ),
        DUMP: (
            "createuser --pwprompt k8s4r",
            "createdb --owner k8s4r k8s4r",
            "psql -c 'CREATE ROLE k8s4r_working NOLOGIN' -c 'GRANT k8s4r_working TO k8s4r'",
        ),
        NOT_HERE: (
            "curl -fsS http://127.0.0.1:8420/readyz",
            "k8s4r login https://k8s4r.example.com --token-stdin < /etc/k8s4r/secrets/api_token",
            "k8s4r doctor",
            "/opt/k8s4r/bin/k8s4r-agent check --config /etc/k8s4r/agent.toml"
            " --spool /var/lib/k8s4r-agent",
        ),
    },
    "docs/kubernetes.md": {
        NOT_HERE: (
            "kubectl apply -k deploy/kubernetes",
            "kubectl -n k8s4r-pods create token k8s4r --duration=8760h",
            "kubectl -n k8s4r-pods get configmap kube-root-ca.crt"
            " -o 'jsonpath={.data.ca\\.crt}' > ca.pem",
            "kubectl -n k8s4r-pods create token k8s4r --duration=8760h > token",
            "k8s4r create k8s-config prod --server https://k8s.example.org:6443"
            " --cluster-ca ca.pem --token-from token -n k8s4r-pods --account k8s4r-agent",
            "k8s4r test k8s-config prod",
            "k8s4r create pool terraform --k8s --min 0 --max 50",
            "k8s4r get slots --pool terraform",
            "k8s4r get decisions --pool terraform --since 1h",
            "k8s4r get pods --pool terraform --state failed",
        ),
    },
    "docs/operations.md": {
        NOT_HERE: (
            "k8s4r api POST notification-targets -d"
            """ '{"name": "ops", "url": "slack://TOKEN-A/TOKEN-B/TOKEN-C"}'""",
            "k8s4r api POST notification-targets/ID/test",
        ),
        DOWN: (
            "k8s4r down",
            "k8s4r restore /mnt/backups/2026-11-21",
            "k8s4r up --detach",
        ),
        DUMP: (
            'pg_dump --format=custom --no-owner --no-privileges --file "k8s4r-$made_at.dump"'
            ' "$K8S4R_DATABASE_URL"',
            'rsync -a "$K8S4R_ARTIFACTS_DIR/" /mnt/backups/artifacts/',
            'python manage.py note_backup --made-at "$made_at"',
            "createdb k8s4r_new",
            "pg_restore --no-owner --no-privileges --exit-on-error --single-transaction"
            " --dbname k8s4r_new k8s4r-2026-11-21T03:00:00Z.dump",
            "export K8S4R_DATABASE_URL=postgresql:///k8s4r_new",
            "python manage.py migrate --no-input",
            "python manage.py begin_generation --backup-at 2026-11-21T03:00:00Z",
        ),
    },
    "docs/upgrade.md": {
        DOWN: ("k8s4r backup /mnt/backups/before-upgrade", "k8s4r down", "make run"),
        MACHINE: (
            "git pull",
            "python3.11 -m venv /opt/k8s4r-0.2.0",
            "/opt/k8s4r-0.2.0/bin/pip install --require-hashes -r requirements.txt",
            "/opt/k8s4r-0.2.0/bin/pip install --no-deps .",
            "ln -sfn /opt/k8s4r-0.2.0 /opt/k8s4r",
            "systemctl restart k8s4r-worker k8s4r-web",
        ),
        NOT_HERE: (
            "k8s4r doctor",
            'k8s4r drain web-1 --note "upgrade" --wait',
            'ssh web-1 \'cd k8s4r && git pull && /opt/k8s4r/bin/pip install ".[agent]"'
            " && systemctl restart k8s4r-agent'",
            "k8s4r resume web-1",
        ),
    },
}
NO_FLAGS = dict.fromkeys(option.name for option in existence.agent.commands["start"].params)
# Made from the commands themselves; tests/cli run what they promise.
EXAMPLES = "docs/cli-reference.md"
# Typed into one shell: the second goes on where the first ended.
SERVERS = ("docs/install.md", "docs/upgrade.md")
HERE = [page for page in PAGES if page not in {EXAMPLES, *SERVERS} and blocks.shell(page)]
LANGUAGES = {"sh", "output", "text", "toml", "python", "nginx"}
WEB = ROOT / "deploy/systemd/k8s4r-web.service"
UNITS = sorted(ROOT.glob("deploy/systemd/*.service"))


def is_listed(page: str, command: Command) -> bool:
    return any(command.bare in listed for listed in LISTED.get(page, {}).values())


@pytest.mark.parametrize("page", PAGES)
def test_every_block_begins_a_line_and_names_its_language(page):
    fences = re.findall(r"^\s*(?:```|~~~)", (ROOT / page).read_text(), re.MULTILINE)
    assert len(fences) == 2 * len(blocks.of(page))
    said = {block.place: block.language for block in blocks.of(page)}
    assert {place: name for place, name in said.items() if name not in LANGUAGES} == {}


@pytest.mark.processes
def test_make_run_ends_with_the_first_task_completed(platform):
    assert re.search(r"^task \S+ completed$", platform, re.MULTILINE)


@pytest.mark.processes
@pytest.mark.parametrize("page", HERE)
def test_what_a_page_tells_to_type_works(page, reader, home):
    where = ROOT if page == "README.md" else home
    wrong = reader.follow([page], leaves_out=is_listed, where=where)
    assert not wrong, "\n".join(wrong)


@pytest.mark.processes
def test_servers_are_installed_and_upgraded_as_the_pages_say(installer):
    wrong = installer.follow(SERVERS, leaves_out=is_listed)
    assert not wrong, "\n".join(wrong)
    with installer.started(WEB) as url:
        wait_until(lambda: probes.answers_200(f"{url}/readyz"))
        tls = {"Host": "k8s4r.example.com", "X-Forwarded-Proto": "https"}
        assert httpx2.get(f"{url}/admin/login/", headers=tls).status_code == 200
        plain = httpx2.get(f"{url}/admin/login/", headers={"Host": "k8s4r.example.com"})
        assert plain.headers["Location"] == "https://k8s4r.example.com/admin/login/"


@pytest.mark.parametrize("page", LISTED)
def test_what_is_listed_stands_in_its_page_and_names_what_exists(page):
    there = [command for block in blocks.shell(page) for command in blocks.commands(block)]
    left_out = [command for command in there if is_listed(page, command)]
    listed = {text for texts in LISTED[page].values() for text in texts}
    assert {command.bare for command in left_out} == listed
    assert [found for command in left_out for found in existence.problems(command.bare)] == []


def test_the_reference_names_what_exists():
    lines = [line for block in blocks.shell(EXAMPLES) for line in block.text.splitlines()]
    assert lines
    assert [found for line in lines for found in existence.problems(line)] == []


@pytest.mark.parametrize("page", sorted({*PAGES} - {EXAMPLES}))
def test_what_a_page_mentions_exists(page):
    said = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", said)]
    assert [found for span in spans for found in existence.mentioned(span)] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_sets_is_read_by_somebody(page):
    assert existence.unknown_settings("".join(block.text for block in blocks.of(page))) == set()


@pytest.mark.parametrize("page", ["docs/agent.md", "docs/install.md"])
def test_a_file_of_an_agents_settings_is_one_that_it_takes(page):
    files = [tomllib.loads(block.text) for block in blocks.of(page) if block.language == "toml"]
    server = {"url": "https://k8s4r.example.com", "enrolment_token_file": "/etc/k8s4r/enrolment"}
    assert [config.build(NO_FLAGS, server | file).slots for file in files] == [
        min(file["slots"], file.get("restrictions", {}).get("max_slots", 1024)) for file in files
    ]
    assert files


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_what_exists_with_flags_that_exist(unit):
    text = unit.read_text()
    started = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert started
    assert [found for line in started for found in existence.problems(line)] == []
    assert existence.unknown_settings(text) == set()
