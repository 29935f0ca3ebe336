"""What of a kubeconfig is taken? A short list; whatever else it says is refused by its name.

Loading a foreign kubeconfig with a client library is running its author's code: it may name
programs, files, proxies and other identities. This reads text and looks at values, nothing more.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from k8s4r.core.errors import FieldProblem, Invalid, pointer
from pools.core import credentials
from pools.core.access import Credential

MOST_BYTES: Final = 65_536
MOST_NODES: Final = 1_000
DEEPEST: Final = 10
MOST_OF_A_NAME: Final = 253
AT: Final = "/kubeconfig"
SERVER_AT: Final = f"{AT}/clusters/0/cluster/server"
CA_AT: Final = f"{AT}/clusters/0/cluster/certificate-authority-data"

_TOP: Final = frozenset(
    {"apiVersion", "kind", "clusters", "users", "contexts", "current-context", "preferences"}
)
_CLUSTER: Final = frozenset({"server", "certificate-authority-data", "tls-server-name"})
_USER: Final = frozenset({"token", "client-certificate-data", "client-key-data"})
_CONTEXT: Final = frozenset({"cluster", "user", "namespace"})
_NAMESPACE: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?")
# Why the well-known others are not taken.
_WHY: Final[Mapping[str, str]] = {
    "exec": "would run a program here; give the token of a service account",
    "auth-provider": "would run a program here; give the token of a service account",
    "tokenFile": "names a file of this server; give the token itself",
    "client-certificate": "names a file of this server; give client-certificate-data",
    "client-key": "names a file of this server; give client-key-data",
    "certificate-authority": "names a file of this server; give certificate-authority-data",
    "proxy-url": "would lead connections elsewhere",
    "insecure-skip-tls-verify": "would believe any server; give certificate-authority-data",
    "as": "would act as somebody else",
    "as-uid": "would act as somebody else",
    "as-groups": "would act as somebody else",
    "as-user-extra": "would act as somebody else",
    "username": "no cluster takes passwords any more; give the token of a service account",
    "password": "no cluster takes passwords any more; give the token of a service account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a kubeconfig says, as far as it is taken; ``namespace`` empty: it names none."""

    server: str
    ca: str
    tls_server_name: str
    context_name: str
    namespace: str
    credential: Credential


def read(text: str) -> Intake:
    """Return what a kubeconfig says: YAML, or base64 of it.

    Raises:
        Invalid: names each field that is not taken, and the rule.
    """
    content = _loaded(_plain(text))
    problems = list(_problems(content))
    if problems:
        message = f"{problems[0].pointer}: {problems[0].detail}"
        raise Invalid(message, errors=problems)
    cluster, user, context = (_one(content, kind) for kind in ("cluster", "user", "context"))
    ca = cluster.get("certificate-authority-data", "")
    return Intake(
        server=cluster["server"],
        ca=_decoded(ca, "clusters", "cluster", "certificate-authority-data") if ca else "",
        tls_server_name=cluster.get("tls-server-name", ""),
        context_name=content["contexts"][0]["name"],
        namespace=context.get("namespace", ""),
        credential=_credential(user),
    )


def _plain(text: str) -> str:
    """Return the YAML: without a colon in it, what was given is base64."""
    if ":" in text or not text.strip():
        plain = text
    else:
        try:
            plain = base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, UnicodeError) as error:
            raise _refused("base64", "is YAML, or base64 of it") from error
    if len(plain.encode(errors="surrogatepass")) > MOST_BYTES:
        raise _refused("too_large", f"at most {MOST_BYTES} bytes")
    return plain


def _loaded(text: str) -> Mapping[str, Any]:
    try:
        for problem in _problems_of_form(text):
            raise problem
        content = _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused("yaml", "is not YAML") from error
    if not isinstance(content, dict):
        raise _refused("type", "is a map, as kubectl writes it")
    return content


def _problems_of_form(text: str) -> Iterator[Invalid]:
    """Yield what makes a text more than plain data, before anything is built of it."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        nodes += isinstance(event, yaml.NodeEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if nodes > MOST_NODES or depth > DEEPEST or documents > 1:
            yield _refused("too_large", f"one document, {MOST_NODES} values, {DEEPEST} deep")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            yield _refused("anchor", "has no anchors and no references to them")
        if getattr(event, "tag", None) is not None:
            yield _refused("tag", "has no tags")


class _Loader(yaml.SafeLoader):
    """Builds maps, lists and texts; a key that comes twice is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if len({str(key) for key in keys}) < len(keys):
            raise yaml.YAMLError("a key twice")
        return super().construct_mapping(node, deep=deep)


def _problems(content: Mapping[str, Any]) -> Iterator[FieldProblem]:
    yield from _others(content, _TOP, AT)
    for name, only in (("apiVersion", "v1"), ("kind", "Config")):
        if content.get(name, only) != only:
            yield FieldProblem(f"{AT}/{name}", "value", f"is {only}")
    if content.get("preferences"):
        yield FieldProblem(f"{AT}/preferences", "not_taken", "is empty")
    sound = True
    for kind, allowed in (("cluster", _CLUSTER), ("user", _USER), ("context", _CONTEXT)):
        found = list(_problems_of_list(content, kind, allowed))
        sound = sound and not found
        yield from found
    if sound:
        yield from _problems_of_whole(content)


def _problems_of_list(
    content: Mapping[str, Any], kind: str, allowed: frozenset[str]
) -> Iterator[FieldProblem]:
    entries = content.get(f"{kind}s")
    at = f"{AT}/{kind}s"
    if not isinstance(entries, list) or len(entries) != 1:
        yield FieldProblem(at, "one", f"exactly one {kind}; see kubectl config view --minify")
        return
    entry, at = entries[0], f"{at}/0"
    if not isinstance(entry, dict) or not isinstance(entry.get(kind), dict):
        yield FieldProblem(at, "type", f"has a name and a {kind}")
        return
    yield from _others(entry, frozenset({"name", kind}), at)
    yield from _others(entry[kind], allowed, f"{at}/{kind}")
    texts = {f"{at}/name": entry.get("name")}
    texts |= {f"{at}/{kind}{pointer(key)}": entry[kind].get(key, "") for key in sorted(allowed)}
    for where, value in texts.items():
        if not isinstance(value, str) or not value.isascii():
            yield FieldProblem(where, "type", "is a text")
        elif len(value) > MOST_OF_A_NAME and not where.endswith(("-data", "/token", "/server")):
            yield FieldProblem(where, "bounds", f"at most {MOST_OF_A_NAME} characters")


def _problems_of_whole(content: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Yield what is wrong between the parts, each of which is in order."""
    cluster, user, context = (_one(content, kind) for kind in ("cluster", "user", "context"))
    if not cluster.get("server"):
        yield FieldProblem(f"{AT}/clusters/0/cluster/server", "required", "is missing")
    for kind in ("cluster", "user"):
        if context.get(kind, "") != content[f"{kind}s"][0]["name"]:
            where = f"{AT}/contexts/0/context/{kind}"
            yield FieldProblem(where, "reference", f"is the name of the {kind}")
    name = content["contexts"][0]["name"]
    if content.get("current-context", name) != name:
        yield FieldProblem(f"{AT}/current-context", "reference", "is the name of the context")
    if not _NAMESPACE.fullmatch(context.get("namespace", "")):
        yield FieldProblem(f"{AT}/contexts/0/context/namespace", "namespace", "is a DNS label")
    has = {key for key in _USER if user.get(key)}
    if has not in ({"token"}, {"client-certificate-data", "client-key-data"}):
        why = "has a token, or client-certificate-data with client-key-data"
        yield FieldProblem(f"{AT}/users/0/user", "credential", why)


def _others(value: Mapping[str, Any], allowed: frozenset[str], at: str) -> Iterator[FieldProblem]:
    for key in value:
        if key not in allowed:
            why = _WHY.get(str(key), f"is not taken here; {', '.join(sorted(allowed))} are")
            yield FieldProblem(at + pointer(str(key)[:100]), "not_taken", why)


def _one(content: Mapping[str, Any], kind: str) -> Mapping[str, str]:
    found: Mapping[str, str] = content[f"{kind}s"][0][kind]
    return found


def _credential(user: Mapping[str, str]) -> Credential:
    if user.get("token"):
        return credentials.token(user["token"], at=f"{AT}/users/0/user/token")
    certificate, key = (
        _decoded(user[name], "users", "user", name)
        for name in ("client-certificate-data", "client-key-data")
    )
    at = f"{AT}/users/0/user"
    return credentials.certificate(
        certificate, key, at=f"{at}/client-certificate-data", key_at=f"{at}/client-key-data"
    )


def _decoded(text: str, *where: str) -> str:
    first, *rest = where
    return credentials.decoded(text, at=AT + pointer(first, 0, *rest))


def _refused(rule: str, detail: str) -> Invalid:
    return Invalid(f"kubeconfig: {detail}", errors=[FieldProblem(AT, rule, detail)])
