"""What a chat column can be: adapters appear when they are whole and go when they are gone."""

import shutil

from workbench.ui.columns import Columns
from workbench.ui.i18n import Texts

T = Texts("zh")


def test_adapters_and_checkpoints_appear_by_themselves(home, make_run, make_adapter, tiny_model):
    columns = Columns(home)
    assert columns.choices(T) == [(T("chat.base"), "base")]
    assert columns.choices(T, live={"b": 3})[1] == ("b · 现在", "b@now")
    folder = make_run("a", tiny_model(), checkpoints=(5, 20), result=False)
    assert columns.choices(T)[1:] == [("a · 20", "a/checkpoint-20"), ("a · 5", "a/checkpoint-5")]
    make_adapter(folder / "adapter", tiny_model())
    assert [column for _, column in columns.choices(T)] == ["base", "a", "a/checkpoint-20", "a/checkpoint-5"]
    shutil.rmtree(folder / "checkpoint-5")
    assert [column for _, column in columns.choices(T)] == ["base", "a", "a/checkpoint-20"]
    shutil.rmtree(folder)
    assert columns.choices(T) == [(T("chat.base"), "base")]


def test_a_run_is_read_again_only_when_its_folder_changed(home, make_run, tiny_model, monkeypatch):
    make_run("a", tiny_model())
    columns = Columns(home)
    before = columns.refs()
    monkeypatch.setattr("workbench.models.adapters.of_run", lambda run: 1 / 0)
    assert columns.refs() == before


def test_a_half_written_adapter_is_not_offered_until_it_is_whole(home, make_run, tiny_model):
    folder = make_run("a", tiny_model())
    weights = folder / "adapter" / "adapter_model.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    columns = Columns(home)
    assert columns.refs() == []
    weights.write_bytes(whole)
    assert [ref.name for ref in columns.refs()] == ["a"]
