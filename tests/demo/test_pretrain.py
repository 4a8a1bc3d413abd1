import pytest
import torch
from safetensors.torch import load_file

from workbench.demo import mixture, pretrain
from workbench.demo import tokenizer as tokenizers


def test_a_stopped_build_goes_on_where_it_stood(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "BATCH", 2)
    monkeypatch.setattr(pretrain, "POOL", 2)
    monkeypatch.setattr(pretrain, "TOKENIZER_ROWS", 200)
    torch.set_num_threads(1)

    class Stop(Exception):
        pass

    def stop_after_four(progress):
        if progress.step == 4:
            raise Stop

    monkeypatch.setattr(pretrain, "REPORT_EVERY", 1)
    whole = pretrain.build(tmp_path / "whole", seed=3, steps=6)
    with pytest.raises(Stop):
        pretrain.build(tmp_path / "parts", seed=3, steps=6, save_every=3, report=stop_after_four)
    assert (tmp_path / "parts" / "checkpoint.safetensors").is_file()
    parts = pretrain.build(tmp_path / "parts", seed=3, steps=6, resume=True)

    assert not (parts / "checkpoint.safetensors").exists()
    one, two = load_file(whole / "model.safetensors"), load_file(parts / "model.safetensors")
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0.02, atol=0.02)


def test_answers_weigh_one_and_the_rest_a_tenth_in_the_mean():
    tokenizer = tokenizers.train(mixture.conversations(1, 0, 300))
    ids, weights = next(iter(pretrain.batches(1, 0, 1, tokenizer)))
    answer = tokenizer.convert_tokens_to_ids(["assistant"])[0]
    assert set(weights.unique().tolist()) == {0.0, pretrain.QUESTION_WEIGHT, 1.0}
    row = ids[0].tolist()
    start = row.index(answer) + 2
    end = row.index(tokenizer.eos_token_id, start)
    assert weights[0, start : end + 1].tolist() == [1.0] * (end + 1 - start)
    elsewhere = weights[weights < 1.0]
    assert 0.0 < elsewhere.mean() < 0.2


def test_the_rate_rises_stays_and_falls():
    rates = [pretrain.rate(step, 1000) for step in range(1000)]
    assert rates[0] < rates[pretrain.WARMUP - 1] == rates[400] == 1.0
    assert rates[-1] < 0.03
    assert all(a >= b for a, b in zip(rates[450:], rates[451:], strict=False))
