"""Gradio is imported without writing editor stubs beside its sources, or ours."""

import os
import subprocess
import sys

_CODE = """
import workbench.ui, component_of_ours
print(component_of_ours.Box().value)
"""


def test_a_component_s_class_writes_no_stub(tmp_path):
    (tmp_path / "component_of_ours.py").write_text(
        "import gradio\n\n\nclass Box(gradio.Textbox):\n"
        "    EVENTS = []\n\n    def __init__(self):\n        super().__init__('x')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", _CODE], capture_output=True, text=True, env=_with_path(tmp_path), timeout=120
    )
    assert done.stdout == "x\n", done.stderr
    assert [path.name for path in tmp_path.glob("*.pyi")] == []


def _with_path(folder):
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
