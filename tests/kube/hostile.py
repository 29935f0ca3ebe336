"""What must be refused, by the rule that refuses it: kubeconfigs, servers, pod templates."""

import base64
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import yaml

from tests.cluster import authority
from tests.cluster.authority import Authority

SERVER = "https://93.184.215.14:6443"
CANARY = "eyJhbGciOiJub25lIn0.c2VjcmV0LWNhbmFyeQ.c2lnbmF0dXJlLWNhbmFyeQ"


@cache
def an_authority() -> Authority:
    return authority.make("tests' authority")


def a_kubeconfig(
    *,
    cluster: Mapping[str, Any] | None = None,
    user: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    **top: Any,
) -> str:
    """Return a kubeconfig that is taken, but for what is said otherwise; None leaves out."""
    parts = {
        "cluster": {
            "server": SERVER,
            "certificate-authority-data": base64.b64encode(an_authority().pem.encode()).decode(),
            **(cluster or {}),
        },
        "user": {"token": CANARY} if user is None else dict(user),
        "context": {"cluster": "it", "user": "it", "namespace": "work", **(context or {})},
    }
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        **{f"{kind}s": [{"name": "it", kind: part}] for kind, part in parts.items()},
        **top,
    }
    return yaml.safe_dump(whole)


def _twice(kind: str) -> str:
    one, two = (yaml.safe_load(a_kubeconfig()) for _ in range(2))
    return yaml.safe_dump({**one, f"{kind}s": one[f"{kind}s"] + two[f"{kind}s"]})


def kubeconfigs(marker: str) -> dict[str, tuple[str, str, Callable[[], str]]]:
    """Return hostile kubeconfigs: pointer, rule, text. ``marker`` is a file that none may make."""
    users = "/kubeconfig/users/0/user"
    cluster = "/kubeconfig/clusters/0/cluster"
    runs = {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [marker]}
    provider = {"name": "gcp", "config": {"cmd-path": "touch", "cmd-args": marker}}
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
    )
    return {
        "exec": (f"{users}/exec", "not_taken", lambda: a_kubeconfig(user={"exec": runs})),
        "auth-provider": (
            f"{users}/auth-provider", "not_taken",
            lambda: a_kubeconfig(user={"token": CANARY, "auth-provider": provider}),
        ),
        "tokenFile": (
            f"{users}/tokenFile", "not_taken", lambda: a_kubeconfig(user={"tokenFile": marker})
        ),
        "client-certificate": (
            f"{users}/client-certificate", "not_taken",
            lambda: a_kubeconfig(user={"client-certificate": marker, "client-key": marker}),
        ),
        "certificate-authority": (
            f"{cluster}/certificate-authority", "not_taken",
            lambda: a_kubeconfig(cluster={"certificate-authority": marker}),
        ),
        "proxy-url": (
            f"{cluster}/proxy-url", "not_taken",
            lambda: a_kubeconfig(cluster={"proxy-url": "http://127.0.0.1:9"}),
        ),
        "insecure-skip-tls-verify": (
            f"{cluster}/insecure-skip-tls-verify", "not_taken",
            lambda: a_kubeconfig(cluster={"insecure-skip-tls-verify": True}),
        ),
        "as": (
            f"{users}/as", "not_taken",
            lambda: a_kubeconfig(user={"token": CANARY, "as": "system:admin"}),
        ),
        "basic auth": (
            f"{users}/password", "not_taken",
            lambda: a_kubeconfig(user={"username": "admin", "password": CANARY}),
        ),
        "token and certificate": (
            users, "credential",
            lambda: a_kubeconfig(user={"token": CANARY, "client-key-data": "eA=="}),
        ),
        "no credential": (users, "credential", lambda: a_kubeconfig(user={})),
        "many contexts": ("/kubeconfig/contexts", "one", lambda: _twice("context")),
        "many clusters": ("/kubeconfig/clusters", "one", lambda: _twice("cluster")),
        "many users": ("/kubeconfig/users", "one", lambda: _twice("user")),
        "other top field": (
            "/kubeconfig/extensions", "not_taken", lambda: a_kubeconfig(extensions=[])
        ),
        "a tag": (
            "/kubeconfig", "tag", lambda: f"a: !!python/object/apply:os.system ['touch {marker}']"
        ),
        "an anchors bomb": ("/kubeconfig", "anchor", lambda: bomb),
        "a key twice": ("/kubeconfig", "yaml", lambda: a_kubeconfig() + "\nkind: Config\n"),
        "deep": ("/kubeconfig", "too_large", lambda: "a: " + "[" * 20_000),
        "a megabyte": ("/kubeconfig", "too_large", lambda: "a: b\n" * 13_200),
        "two documents": ("/kubeconfig", "too_large", lambda: a_kubeconfig() + "---\na: b\n"),
        "no YAML": ("/kubeconfig", "yaml", lambda: "a: ["),
        "no map": ("/kubeconfig", "type", lambda: "- a: b"),
        "no base64": ("/kubeconfig", "base64", lambda: "hello world"),
        "a token with a line end": (
            f"{users}/token", "token", lambda: a_kubeconfig(user={"token": "a\r\nX-Evil: b"})
        ),
        "another namespace's form": (
            "/kubeconfig/contexts/0/context/namespace", "namespace",
            lambda: a_kubeconfig(context={"namespace": "../kube-system"}),
        ),
    }  # fmt: skip


# Servers that are not taken, and the rule; no setting lists a network.
SERVERS: Mapping[str, str] = {
    "http://93.184.215.14:6443": "https",
    "unix:///var/run/docker.sock": "https",
    "file:///etc/passwd": "https",
    "https://user:secret@93.184.215.14": "userinfo",
    "https://127.0.0.1:6443": "private",
    "https://localhost:6443": "private",
    "https://[::1]:6443": "private",
    "https://[::ffff:127.0.0.1]:6443": "private",
    "https://[64:ff9b::7f00:1]:6443": "private",
    "https://[2002:7f00:1::]:6443": "private",
    "https://10.0.0.1": "private",
    "https://192.168.1.1:6443": "private",
    "https://[fd12::1]": "private",
    "https://169.254.169.254/latest/meta-data": "never",
    "https://[fe80::1]:6443": "never",
    "https://[fd00:ec2::254]": "never",
    "https://0.0.0.0:6443": "never",
    "https://224.0.0.1": "never",
    "https://2130706433:6443": "address",
    "https://0x7f.1:6443": "address",
    "https://0177.0.0.1": "address",
    "https://127.1": "address",
    "https://": "host",
    "https://a b/": "characters",
    "https://exämple.org": "characters",
    "https://93.184.215.14:99999": "address",
    "https://93.184.215.14/?a=b": "path",
    "https://93.184.215.14/../x": "path",
    "https://" + "a" * 2048: "characters",
}

# Pod templates that are not taken: where the problem is, its rule, the template.
TEMPLATES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "privileged": (
        "/securityContext/privileged", "unknown_field", {"securityContext": {"privileged": True}}
    ),
    "hostPath": ("/volumes", "unknown_field", {"volumes": [{"hostPath": {"path": "/"}}]}),
    "hostPath in a mount": (
        "/volumeMounts/0/hostPath", "unknown_field",
        {"volumeMounts": [{"name": "x", "mountPath": "/x", "hostPath": "/"}]},
    ),
    "hostNetwork": ("/hostNetwork", "unknown_field", {"hostNetwork": True}),
    "hostPID": ("/hostPID", "unknown_field", {"hostPID": True}),
    "hostIPC": ("/hostIPC", "unknown_field", {"hostIPC": True}),
    "capabilities": (
        "/securityContext/capabilities", "unknown_field",
        {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    ),
    "root": ("/securityContext/runAsUser", "bounds", {"securityContext": {"runAsUser": 0}}),
    "escalation": (
        "/securityContext/allowPrivilegeEscalation", "tighten_only",
        {"securityContext": {"allowPrivilegeEscalation": True}},
    ),
    "writable root": (
        "/securityContext/readOnlyRootFilesystem", "tighten_only",
        {"securityContext": {"readOnlyRootFilesystem": False}},
    ),
    "serviceAccountName": (
        "/serviceAccountName", "unknown_field", {"serviceAccountName": "cluster-admin"}
    ),
    "projected tokens": ("/volumes", "unknown_field", {"volumes": [{"projected": {}}]}),
    "initContainers": ("/initContainers", "unknown_field", {"initContainers": []}),
    "ephemeralContainers": ("/ephemeralContainers", "unknown_field", {"ephemeralContainers": []}),
    "nodeName": ("/nodeName", "unknown_field", {"nodeName": "node-1"}),
    "tolerations": ("/tolerations", "unknown_field", {"tolerations": [{"operator": "Exists"}]}),
    "runtimeClass": ("/runtimeClassName", "unknown_field", {"runtimeClassName": "x"}),
    "sysctls": (
        "/securityContext/sysctls", "unknown_field", {"securityContext": {"sysctls": []}}
    ),
    "procMount": (
        "/securityContext/procMount", "unknown_field",
        {"securityContext": {"procMount": "Unmasked"}},
    ),
    "lifecycle": ("/lifecycle", "unknown_field", {"lifecycle": {"postStart": {}}}),
    "command": ("/command", "unknown_field", {"command": ["sh"]}),
    "image by tag": ("/image", "image", {"image": "registry.example/agent:1"}),
    "ownerReferences": ("/ownerReferences", "unknown_field", {"ownerReferences": []}),
    "finalizers": ("/finalizers", "unknown_field", {"finalizers": ["x/y"]}),
    "metadata": ("/metadata", "unknown_field", {"metadata": {"finalizers": ["x/y"]}}),
    "env from a Secret": (
        "/env/0/valueFrom", "unknown_field",
        {"env": [{"name": "K8S4R_ENV_X", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
    ),
    "envFrom": ("/envFrom", "unknown_field", {"envFrom": [{"secretRef": {"name": "s"}}]}),
    "LD_PRELOAD": ("/env/0/name", "name", {"env": [{"name": "LD_PRELOAD", "value": "/x.so"}]}),
    "another server": (
        "/env/0/name", "name",
        {"env": [{"name": "K8S4R_AGENT_API_URL", "value": "https://evil.example"}]},
    ),
    "our label": ("/labels/k8s4r.io~1pool", "reserved", {"labels": {"k8s4r.io/pool": "x"}}),
    "a foreign label": ("/labels/app", "prefix", {"labels": {"app": "x"}}),
    "an unknown variable": (
        "/env/0/value", "variable", {"env": [{"name": "TZ", "value": "{{secrets.token}}"}]}
    ),
    "a mount over the token": (
        "/volumeMounts/0/mountPath", "reserved",
        {"volumeMounts": [{"name": "x", "mountPath": "/var/run/secrets/k8s4r"}]},
    ),
    "a mount that climbs": (
        "/volumeMounts/0/mountPath", "path",
        {"volumeMounts": [{"name": "x", "mountPath": "/data/../etc"}]},
    ),
    "more than the limit": (
        "/resources/requests/cpu", "bounds",
        {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}},
    ),
    "a quantity that is none": (
        "/resources/limits/memory", "quantity", {"resources": {"limits": {"memory": "1e9"}}}
    ),
}  # fmt: skip
