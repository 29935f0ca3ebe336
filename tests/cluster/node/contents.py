"""What stands in a pod's volumes and variables? Read from the apiserver when the pod starts."""

import base64
import re
from dataclasses import dataclass
from typing import Any

from tests.cluster.api import ApiError
from tests.cluster.node.api import NOT_FOUND, NodeApi
from tests.cluster.node.statuses import HOST_IP

Json = dict[str, Any]
TOKEN_S = 3600
_INDEXED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


class Missing(Exception):
    """A Secret, ConfigMap or key that the pod names is not there; the message says which."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The texts that one pod is given."""

    api: NodeApi
    pod: Json

    @property
    def _namespace(self) -> str:
        return str(self.pod["metadata"]["namespace"])

    async def files(self, source: Json) -> dict[str, bytes]:
        """Return the files of a volume's source, by their paths in it."""
        if "projected" in source:
            found: dict[str, bytes] = {}
            for part in source["projected"]["sources"]:
                found |= await self.files(part)
            return found
        if "secret" in source or "configMap" in source:
            return await self._kept(source)
        if "downwardAPI" in source:
            items = source["downwardAPI"]["items"]
            return {
                item["path"]: self.field(item["fieldRef"]["fieldPath"]).encode() for item in items
            }
        if "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            return {wanted["path"]: await self._token(wanted)}
        return {}

    async def _kept(self, source: Json) -> dict[str, bytes]:
        kind = "secret" if "secret" in source else "configMap"
        wanted = source[kind]
        name = wanted.get("secretName") or wanted["name"]
        data = await self._data(kind, name, is_optional=wanted.get("optional", False))
        if "items" not in wanted:
            return data
        lacking = [item["key"] for item in wanted["items"] if item["key"] not in data]
        if lacking and not wanted.get("optional", False):
            raise Missing(f"{kind} {name} has no key {lacking[0]}")
        return {item["path"]: data[item["key"]] for item in wanted["items"] if item["key"] in data}

    async def _data(self, kind: str, name: str, *, is_optional: bool) -> dict[str, bytes]:
        path = f"/api/v1/namespaces/{self._namespace}/{kind.lower()}s/{name}"
        try:
            found = await self.api.get(path)
        except ApiError as refused:
            if refused.status == NOT_FOUND and is_optional:
                return {}
            if refused.status == NOT_FOUND:
                raise Missing(refused.message) from refused
            raise
        if kind == "secret":
            return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}
        return {key: value.encode() for key, value in found.get("data", {}).items()}

    async def _token(self, wanted: Json) -> bytes:
        """Return a service account's token that is bound to this pod (TokenRequest)."""
        account = self.pod["spec"]["serviceAccountName"]
        metadata = self.pod["metadata"]
        bound = {
            "kind": "Pod",
            "apiVersion": "v1",
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        audience = wanted.get("audience")
        spec = {
            "audiences": [audience] if audience else [],
            "expirationSeconds": wanted.get("expirationSeconds", TOKEN_S),
            "boundObjectRef": bound,
        }
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        made = await self.api.post(path, request)
        return str(made["status"]["token"]).encode()

    async def environment(self, container: Json) -> dict[str, str]:
        """Return the variables that the pod's author gave this container."""
        found: dict[str, str] = {}
        for part in container.get("envFrom", []):
            kind = "secret" if "secretRef" in part else "configMap"
            reference = part[f"{kind}Ref"]
            data = await self._data(
                kind, reference["name"], is_optional=reference.get("optional", False)
            )
            prefix = part.get("prefix", "")
            found |= {prefix + key: value.decode() for key, value in data.items()}
        for entry in container.get("env", []):
            value = await self._variable(entry, container)
            if value is not None:
                found[entry["name"]] = expanded(value, found) if "value" in entry else value
        return found

    async def _variable(self, entry: Json, container: Json) -> str | None:
        if "valueFrom" not in entry:
            return str(entry.get("value", ""))
        source = entry["valueFrom"]
        if "fieldRef" in source:
            return self.field(source["fieldRef"]["fieldPath"])
        if "resourceFieldRef" in source:
            kind, _, resource = source["resourceFieldRef"]["resource"].partition(".")
            return str(container.get("resources", {}).get(kind, {}).get(resource, ""))
        kind = "secret" if "secretKeyRef" in source else "configMap"
        reference = source[f"{kind}KeyRef"]
        is_optional = reference.get("optional", False)
        data = await self._data(kind, reference["name"], is_optional=is_optional)
        if reference["key"] not in data and not is_optional:
            raise Missing(f"{kind} {reference['name']} has no key {reference['key']}")
        return data[reference["key"]].decode() if reference["key"] in data else None

    def field(self, path: str) -> str:
        """Return what a ``fieldRef`` names."""
        indexed = _INDEXED.fullmatch(path)
        if indexed:
            return str(self.pod["metadata"].get(indexed[1], {}).get(indexed[2], ""))
        if path in {"status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs"}:
            return HOST_IP
        found: Any = self.pod
        for step in path.split("."):
            found = found.get(step, {})
        return found if isinstance(found, str) else ""


def expanded(text: str, variables: dict[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable; unknown names stay, ``$$`` is a dollar (Kubernetes)."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return _REFERENCE.sub(replaced, text)
