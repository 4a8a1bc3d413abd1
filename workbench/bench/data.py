"""Reading, detecting, converting and judging a generated alpaca file, against `datasets` doing the conversion alone.

Each side runs in a process of its own, so that its peak memory is its own; both read the same file.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种"
_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "many", "people", "watch")


def generate(path: Path, rows: int, seed: int = 0) -> None:
    """An alpaca JSONL, half Chinese and half English, a third with an input; about 310 bytes a row."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            if number % 2:
                parts = ["".join(draw.choices(_HAN, k=length)) for length in (20, 15, 60)]
            else:
                parts = [" ".join(draw.choices(_WORDS, k=length)) for length in (9, 8, 35)]
            row = {"instruction": parts[0] + "?", "input": "" if number % 3 else parts[1], "output": parts[2] + "."}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def ours(path: str, folder: str) -> None:
    """Detect, convert to messages, write, statistics and warnings: all that `workbench convert` and `inspect` say."""
    from workbench.data.convert import convert
    from workbench.data.quality import Watch

    watch = Watch()
    convert(path, Path(folder) / "ours.jsonl", "messages", watch=watch)
    if not watch.statistics()["records"]:
        raise RuntimeError("no row was counted")


def theirs(path: str, folder: str) -> None:
    """`datasets.load_dataset("json")` and a map that does the alpaca conversion, nothing else."""
    import datasets

    datasets.disable_progress_bars()

    def messages(row: dict[str, str]) -> dict[str, Any]:
        asked = f"{row['instruction']}\n{row['input']}" if row["input"] else row["instruction"]
        return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]}

    loaded = datasets.load_dataset("json", data_files=path, split="train", cache_dir=folder)
    loaded.map(messages, remove_columns=loaded.column_names)


def compare(rows: int = 1_000_000) -> dict[str, Any]:
    """Both sides over the same file: rows per second (wall and CPU, imports included) and peak memory in bytes.

    ratio: our rows per CPU second over theirs; wall times of a shared machine say more about its other guests.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alpaca.jsonl"
        generate(path, rows)
        sides = {name: _measured(name, path, folder, rows) for name in ("ours", "theirs")}
    ratio = sides["ours"]["rows_per_cpu_second"] / sides["theirs"]["rows_per_cpu_second"]
    wall = sides["ours"]["rows_per_second"] / sides["theirs"]["rows_per_second"]
    return {"rows": rows, **sides, "ratio": round(ratio, 2), "wall_ratio": round(wall, 2)}


def _measured(name: str, path: Path, folder: str, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", __name__, name, str(path), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    figures = json.loads(done.stdout.splitlines()[-1])
    return {
        "rows_per_second": round(rows / figures["seconds"]),
        "rows_per_cpu_second": round(rows / figures["cpu_seconds"]),
        "peak_memory_bytes": figures["peak_memory_bytes"],
    }


def _child(name: str, path: str, folder: str) -> None:
    started = time.perf_counter()
    {"ours": ours, "theirs": theirs}[name](path, folder)
    seconds = time.perf_counter() - started
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    memory = kilobytes if sys.platform == "darwin" else kilobytes * 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": time.process_time(), "peak_memory_bytes": memory}))


if __name__ == "__main__":
    _child(*sys.argv[1:])
