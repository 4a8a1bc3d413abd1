"""`workbench doctor`: what this machine can do, and what stands in the way, each with its cure."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from workbench import __version__
from workbench.verbs.terminal import Terminal, Translate, byte_text, table, verb

_LEAST_FREE_BYTES = 2 * 1024**3  # a few checkpoints of a small model
_REACH_SECONDS = 3.0
# Without these nothing trains; the versions are those of pyproject.toml.
_CORE = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "gradio")
_OPTIONAL = ("bitsandbytes",)
_BF16 = {True: "fast", False: "slow", None: None}


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "doctor", lang=lang)
    def doctor(terminal: Terminal) -> None:
        facts = examine(terminal.home, t)
        terminal.result(facts, _text(facts, t))

    return doctor


def examine(home: Path, t: Translate) -> dict[str, Any]:
    """Everything doctor says, as JSON; `problems` are sentences in the language of t."""
    import psutil

    memory = psutil.virtual_memory()
    libraries = {name: _library(name) for name in (*_CORE, *_OPTIONAL)}
    facts: dict[str, Any] = {
        "workbench": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": libraries,
        "devices": _devices() if libraries["torch"]["version"] else [],
        "memory": {"total_bytes": memory.total, "available_bytes": memory.available},
        "disk": {"path": str(home.absolute()), "free_bytes": shutil.disk_usage(_nearest_folder(home)).free},
        "embedded_model": _embedded(),
        "hub": _hub(),
    }
    return facts | {"problems": _problems(facts, home, t)}


def _library(name: str) -> dict[str, Any]:
    wanted = _wanted().get(name, "")
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return {"version": None, "wanted": wanted, "fits": False}
    return {"version": version, "wanted": wanted, "fits": _fits(version, wanted)}


def _wanted() -> dict[str, str]:
    """Library -> version range, as our own package declares it; empty in a bare checkout."""
    try:
        lines = importlib.metadata.requires("workbench") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    plain = [re.match(r"([\w.\-]+)\s*([^;]*)$", line) for line in lines]
    return {match[1].lower(): match[2].strip() for match in plain if match}


def _fits(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return not wanted or SpecifierSet(wanted).contains(version, prereleases=True)


def _devices() -> list[dict[str, Any]]:
    import psutil
    import torch

    from workbench.models import abilities

    devices = []
    kind = torch.accelerator.current_accelerator(check_available=True)
    for index in range(torch.accelerator.device_count() if kind else 0):
        described = {"device": f"{kind.type}:{index}", "name": kind.type, "memory_bytes": None, "bf16": None}
        if kind.type == "cuda":  # ROCm too
            properties = torch.cuda.get_device_properties(index)
            with torch.cuda.device(index):
                described |= {"name": properties.name, "memory_bytes": properties.total_memory}
                described["bf16"] = "fast" if torch.cuda.is_bf16_supported(including_emulation=False) else "slow"
        devices.append(described)
    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    cpu = {"device": "cpu", "name": _cpu_name(), "memory_bytes": psutil.virtual_memory().total}
    return [*devices, cpu | {"cores": cores, "bf16": _BF16[abilities.cpu_has_bf16()]}]


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _embedded() -> dict[str, Any] | None:
    from workbench.errors import UserError
    from workbench.presets import embedded_model

    try:
        folder = embedded_model()
    except UserError:
        return None
    return {"name": folder.name, "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())}


def _hub() -> dict[str, Any]:
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return {"address": address, "state": "offline"}
    return {"address": address, "state": "reachable" if _reaches(address) else "unreachable"}


def _reaches(address: str) -> bool:
    """Whether a connection comes about in a few seconds; a name server that hangs does not hold us up."""
    parts = urlsplit(address)
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    if proxy:  # then only the proxy can tell
        parts = urlsplit(proxy)
    done: list[bool] = []

    def knock() -> None:
        try:
            port = parts.port or (80 if parts.scheme == "http" else 443)
            socket.create_connection((parts.hostname or "", port), _REACH_SECONDS).close()
            done.append(True)
        except OSError:
            done.append(False)

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(_REACH_SECONDS)
    return done == [True]


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir())


def _problems(facts: dict[str, Any], home: Path, t: Translate) -> list[str]:
    problems = []
    for name in _CORE:
        library = facts["libraries"][name]
        if not library["fits"]:
            state = _state(library, t)
            wanted = f"{name}{library['wanted']}"
            problems.append(t("cli.doctor.fix_library", name=name, state=state, wanted=wanted))
    if facts["embedded_model"] is None:
        problems.append(t("cli.doctor.fix_model"))
    if facts["disk"]["free_bytes"] < _LEAST_FREE_BYTES:
        problems.append(t("cli.doctor.fix_disk", free=byte_text(facts["disk"]["free_bytes"]), path=home.absolute()))
    if not os.access(_nearest_folder(home), os.W_OK):
        problems.append(t("cli.doctor.fix_home", path=home.absolute()))
    return problems


def _state(library: dict[str, Any], t: Translate) -> str:
    if library["version"] is None:
        return t("cli.doctor.missing")
    if not library["fits"]:
        return t("cli.doctor.old", version=library["version"], wanted=library["wanted"])
    return str(library["version"])


def _device(device: dict[str, Any], t: Translate) -> str:
    parts = [f"{device['device']}: {device['name']}"]
    if device.get("cores"):
        parts.append(t("cli.doctor.cores", count=device["cores"]))
    elif device["memory_bytes"]:
        parts.append(byte_text(device["memory_bytes"]))
    if device["bf16"]:
        parts.append(t(f"cli.doctor.bf16_{device['bf16']}"))
    return " · ".join(parts)


def _text(facts: dict[str, Any], t: Translate) -> str:
    memory, model, hub = facts["memory"], facts["embedded_model"], facts["hub"]
    total, free = byte_text(memory["total_bytes"]), byte_text(memory["available_bytes"])
    disk = t("cli.doctor.workspace", path=facts["disk"]["path"], free=byte_text(facts["disk"]["free_bytes"]))
    libraries = ", ".join(f"{name} {_state(library, t)}" for name, library in facts["libraries"].items())
    embedded = f"{model['name']} ({byte_text(model['bytes'])})" if model else t("cli.doctor.missing")
    hub_key = f"cli.doctor.{hub['state']}"
    rows = {
        "workbench": facts["workbench"],
        "python": facts["python"],
        "system": facts["system"],
        "devices": "; ".join(_device(device, t) for device in facts["devices"]) or t("cli.doctor.missing"),
        "memory": t("cli.doctor.free", free=free, total=total),
        "disk": disk,
        "libraries": libraries,
        "embedded_model": embedded,
        "hub": t(hub_key, address=hub["address"]),
    }
    lines = [table([[t(f"cli.doctor.{name}"), value] for name, value in rows.items()]), ""]
    lines += [f"! {problem}" for problem in facts["problems"]] or [t("cli.doctor.fine")]
    return "\n".join(lines)
