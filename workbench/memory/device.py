"""A spec's device -> what kind it is and how much memory is free on it; without torch unless it is loaded already."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["cpu", "cuda", "mps", "xpu"]
_ASK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Device:
    """available_bytes: what a training started now may take. total_bytes: what is built in."""

    kind: Kind
    name: str
    available_bytes: int
    total_bytes: int
    utilization: float | None = None  # between 0 and 1, where the driver tells


def chosen(wanted: str) -> Device:
    """The device that `model.device` means: `auto` takes the accelerator when there is one."""
    kind, _, index = wanted.partition(":")
    if kind == "cpu":
        return _cpu()
    gpus = nvidia()
    if kind in ("auto", "cuda") and gpus:
        return gpus[min(int(index), len(gpus) - 1) if index.isdigit() else 0]
    loaded = _asked_of_torch(kind, int(index) if index.isdigit() else 0)
    if loaded is not None:
        return loaded
    if kind in ("auto", "mps") and sys.platform == "darwin" and platform.machine() == "arm64":
        cpu = _cpu()
        return Device("mps", "mps", cpu.available_bytes, cpu.total_bytes)
    return _cpu()


def _cpu() -> Device:
    import psutil

    memory = psutil.virtual_memory()
    total, available = memory.total, memory.available
    limit, used = _container_limit()
    if limit is not None and limit < total:
        total, available = limit, min(available, max(limit - used, 0))
    return Device("cpu", "cpu", available, total)


def _container_limit() -> tuple[int | None, int]:
    """(limit, used) of the control group, where a container has less than its host. File cache counts as free."""
    for limit_file, used_file in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            limit, used = Path(limit_file).read_text().strip(), int(Path(used_file).read_text())
        except (OSError, ValueError):
            continue
        return (None if limit == "max" else int(limit)), max(used - _cached(), 0)
    return None, 0


def _cached() -> int:
    try:
        lines = Path("/sys/fs/cgroup/memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))


def _asked_of_torch(kind: str, index: int) -> Device | None:
    """Only when somebody has loaded torch: importing it takes seconds and hundreds of megabytes."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "accelerator"):
        return None
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None or kind not in ("auto", found.type) or found.type == "mps":
        return None
    module = getattr(torch, found.type)
    free, total = module.mem_get_info(index)
    return Device(found.type, found.type, free, total)


# -- NVIDIA's own tool: a process of some milliseconds, asked at most every few seconds ------------------------------
_QUERY = ("--query-gpu=name,memory.free,memory.total,utilization.gpu", "--format=csv,noheader,nounits")
_lock = threading.Lock()
_known: tuple[float, list[Device]] | None = None


def nvidia(run: Callable[[list[str]], str] | None = None) -> list[Device]:
    """The NVIDIA devices with their free memory and load; empty where there is no driver."""
    global _known
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    with _lock:
        if _known is None or time.monotonic() - _known[0] > _ASK_AGAIN_SECONDS:
            _known = (time.monotonic(), _parsed((run or _output)([tool, *_QUERY])))
        return _known[1]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _parsed(text: str) -> list[Device]:
    found = []
    for line in text.splitlines():
        name, *numbers = (part.strip() for part in line.rsplit(",", 3))
        try:
            free, total = (int(number) * 2**20 for number in numbers[:2])
        except ValueError:  # "[N/A]" on devices that share the host's memory
            continue
        load = float(numbers[2]) / 100 if numbers[2].isdigit() else None
        found.append(Device("cuda", name, free, total, load))
    return found
