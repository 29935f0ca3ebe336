"""With which flags does each server of the control plane run?"""

from pathlib import Path

# Those on which pods depend; each further one costs memory.
CONTROLLERS = (
    "disruption-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "pod-garbage-collector-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "taint-eviction-controller",
)
# Nodes are named by namespaces, so that a test has nodes of its own (see files.ADMISSION).
ADMISSION = ("PodNodeSelector", "PodTolerationRestriction")


def environment() -> dict[str, str]:
    """Return the environment of every server: few threads, little memory.

    A request over a connection that broke is tried again soon; Kubernetes' own 30 and 15 s are
    longer than a test's node may be silent.
    """
    return {
        "PATH": "/usr/bin:/bin",
        "GOMAXPROCS": "2",
        "GOGC": "60",
        "HTTP2_READ_IDLE_TIMEOUT_SECONDS": "5",
        "HTTP2_PING_TIMEOUT_SECONDS": "3",
    }


def etcd(folder: Path, clients: str, peers: str) -> list[str]:
    """Return etcd's flags: one member, its data in ``folder``, nothing synced to disk."""
    return [
        "--name=test",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=test={peers}",
        "--unsafe-no-fsync",
        "--snapshot-count=5000",
        "--log-level=warn",
    ]


def apiserver(folder: Path, port: int, etcd_url: str, toleration_s: int) -> list[str]:
    """Return kube-apiserver's flags."""
    pki = folder / "pki"
    return [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--etcd-servers={etcd_url}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'accounts.crt'}",
        f"--service-account-signing-key-file={pki / 'accounts.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--allow-privileged=true",
        f"--enable-admission-plugins={','.join(ADMISSION)}",
        f"--admission-control-config-file={folder / 'admission.yaml'}",
        f"--default-not-ready-toleration-seconds={toleration_s}",
        f"--default-unreachable-toleration-seconds={toleration_s}",
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
        "--audit-log-maxsize=10000",
        "--event-ttl=1h",
        "--delete-collection-workers=8",
        "--profiling=false",
        "--shutdown-delay-duration=0s",
    ]


def scheduler(folder: Path) -> list[str]:
    """Return kube-scheduler's flags."""
    return [*_client(folder, "kube-scheduler"), "--kube-api-qps=500", "--kube-api-burst=1000"]


def controller_manager(folder: Path, node_grace_s: int) -> list[str]:
    """Return kube-controller-manager's flags; a node is Unknown after ``node_grace_s``."""
    pki = folder / "pki"
    return [
        *_client(folder, "kube-controller-manager"),
        f"--controllers={','.join(CONTROLLERS)}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={pki / 'accounts.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--node-monitor-grace-period={node_grace_s}s",
        "--node-monitor-period=1s",
        "--node-eviction-rate=100",
        "--secondary-node-eviction-rate=100",
        "--resource-quota-sync-period=10s",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]


def _client(folder: Path, name: str) -> list[str]:
    return [
        f"--kubeconfig={folder / f'{name}.kubeconfig'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
    ]
