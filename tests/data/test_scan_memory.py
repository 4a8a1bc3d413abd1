"""What a scan holds does not grow with its rows, and it loads no library that takes dozens of megabytes."""

import json
import subprocess
import sys

CODE = """
import json, sys, threading
import psutil
from workbench.data import numbers, quality
from workbench.data.reading import Reading
from workbench.data.sources import Source
from workbench.data.view import View
numbers.SPILLED_ROWS = quality.SPILLED_ROWS = 1 << 12
numbers._SORTED_AT_ONCE = 1 << 12
process, held = psutil.Process(), []
view = View([Source(sys.argv[1])], Reading())
view.scan(lambda fraction, rows: held.append(process.memory_info().rss))
view.page(1, 15, ["good"])
held.append(process.memory_info().rss)
view.page(1, 15, ["code:exact_duplicates"])
print(json.dumps({
    "most": max(held), "rows": view.count, "copies": view.names()["code:exact_duplicates"],
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


def scanned(path, rows):
    with path.open("w") as file:
        for number in range(rows):
            words = " ".join(f"w{number * 31 + at * at}" for at in range(20)) if number % 10 else "again and again"
            file.write(json.dumps({"query": f"question {number if number % 10 else 0}", "response": words}) + "\n")
    done = subprocess.run([sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_five_times_the_rows_take_no_more_memory_and_no_heavy_library_is_loaded(tmp_path):
    few, many = scanned(tmp_path / "few.jsonl", 10_000), scanned(tmp_path / "many.jsonl", 50_000)
    assert (few["rows"], many["rows"], many["copies"]) == (10_000, 50_000, 4_999)
    assert many["most"] - few["most"] < 4e6  # one Python number for each row would be more
    heavy = {"torch", "transformers", "scipy", "datasketch", "py3langid", "gradio", "pandas", "requests"}
    assert heavy.isdisjoint(many["modules"])
