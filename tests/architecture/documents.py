"""Which documents are made from the code? `python -m tests.architecture.documents` writes them."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from k8s4r.settings import Environment

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONFIGURATION = DOCS / "configuration.md"
_HEAD = """# Configuration

Every setting of the server is an environment variable. `k8s4r up` sets those that it knows; on
servers of your own, set `K8S4R_DATABASE_URL`, `K8S4R_REDIS_URL`, `K8S4R_URL` and the three secrets.
A secret may stand in a file: `K8S4R_SECRET_KEY_FILE` and its like name one. The agent's own
settings are in [agent.md](agent.md). This page is made from `k8s4r/settings.py`.

| variable | default | meaning |
|---|---|---|
"""


def configuration() -> str:
    """Return the page of all settings, in the order of the code."""
    rows = []
    for name, field in Environment.model_fields.items():
        default = "" if field.default in {None, "", PydanticUndefined} else f"`{field.default}`"
        secret = name.removesuffix("_file").replace("_", " ")
        meaning = field.description or f"File that holds the {secret}."
        rows.append(f"| `K8S4R_{name.upper()}` | {default} | {meaning} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    CONFIGURATION.write_text(configuration())
