"""What kind of machine is this? The names are those of `deviceInfo` (docs/protocol.md)."""

import os
import platform
import shutil
import socket
from typing import Any

import psutil

from agents.client import clock


def capabilities() -> dict[str, Any]:
    """Return what tasks may ask for: architecture, cores, memory, well-known tools."""
    return {
        "os": platform.system().lower(),
        "arch": platform.machine(),
        "cpus": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "tools": [tool for tool in ("terraform", "kubectl", "docker", "git") if shutil.which(tool)],
    }


def device_info() -> dict[str, Any]:
    """Return facts for people who look at an agent's page; nothing here is secret."""
    return {
        "hostname": socket.gethostname(),
        "platform": _platform(),
        "cpu": {
            "physicalCores": psutil.cpu_count(logical=False),
            "logicalCores": psutil.cpu_count(),
            "usagePercent": psutil.cpu_percent(),
        },
        "memory": _numbers(psutil.virtual_memory()),
        "swap": _numbers(psutil.swap_memory()),
        "disks": [_disk(partition) for partition in psutil.disk_partitions()],
        "networkInterfaces": sorted(psutil.net_if_addrs()),
        "bootTime": psutil.boot_time(),
        "uptime": clock.BootClock().now(),
        "lastUpdated": clock.wall(),
    }


def _platform() -> dict[str, str]:
    release = platform.freedesktop_os_release() if os.path.exists("/etc/os-release") else {}
    return {
        "os": platform.system().lower(),
        "arch": platform.machine(),
        "platform": release.get("ID", ""),
        "family": release.get("ID_LIKE", ""),
        "version": release.get("VERSION_ID", ""),
        "kernelVersion": platform.release(),
        "kernelArch": platform.machine(),
    }


def _numbers(values: Any) -> dict[str, float]:
    return {name: value for name, value in values._asdict().items() if value is not None}


def _disk(partition: Any) -> dict[str, Any]:
    info = {
        "device": partition.device,
        "mountpoint": partition.mountpoint,
        "fstype": partition.fstype,
    }
    try:
        usage = psutil.disk_usage(partition.mountpoint)
    except OSError:
        return info
    return info | {"total": usage.total, "used": usage.used, "free": usage.free}
