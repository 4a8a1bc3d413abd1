"""Who may import whom, and that the page starts without the heavy libraries (fresh interpreters)."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "workbench"
HEAVY = {"torch", "transformers", "datasets", "peft", "trl", "accelerate"}


@pytest.mark.parametrize("module", ["workbench.ui.app", "workbench.specs", "workbench.cli"])
def test_importing_a_light_module_loads_no_heavy_library(module):
    code = (
        f"import json, sys, time, {module}, psutil\n"
        "print(json.dumps({'modules': list(sys.modules), 'memory_bytes': psutil.Process().memory_info().rss}))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    report = json.loads(result.stdout.splitlines()[-1])
    assert HEAVY.isdisjoint(report["modules"])
    assert report["memory_bytes"] < 350e6


def imports(path: Path) -> set[str]:
    """Every module a file names in an import statement, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


LAYERS = [
    {"errors", "locales", "heap"}, {"specs"}, {"presets", "runs", "history", "notices", "data", "models", "templates"},
    {"memory", "stages"},
    {"train", "chat", "evaluate", "synthesis", "export"}, {"jobs"}, {"ui"},
    {"cli", "verbs", "demo", "bench", "__main__"},
]  # fmt: skip
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def test_modules_import_only_what_stands_to_their_left():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for name in imports(path):
            if name.startswith("workbench."):
                other = name.split(".")[1]
                if other in RANK and RANK[other] > RANK[part]:
                    wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_only_ui_imports_gradio():
    outside = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "ui"]
    wrong = [str(path) for path in outside if any(name.split(".")[0] == "gradio" for name in imports(path))]
    assert wrong == []
