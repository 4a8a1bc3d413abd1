"""Rows end to end compute what padded rows compute, in every architecture that can."""

from __future__ import annotations

import pytest
import torch

from workbench.stages.batches import IGNORED, Collator, Layout, count_tokens
from workbench.stages.sft import trained_losses

ROWS = [
    {"input_ids": [5, 6, 7, 8, 9], "labels": [IGNORED, IGNORED, 7, 8, 9]},
    {"input_ids": [11, 12], "labels": [11, 12]},
    {"input_ids": [21, 22, 23], "labels": [IGNORED, 22, IGNORED]},
]
ALWAYS_FLAT = Layout(per_token=1, per_pair=0)


def test_padded_rows_are_filled_to_the_longest():
    batch = Collator(pad_token_id=0)(ROWS)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9], [11, 12, 0, 0, 0], [21, 22, 23, 0, 0]]
    assert batch["labels"].tolist()[1] == [11, 12, IGNORED, IGNORED, IGNORED]
    assert batch["attention_mask"].tolist()[2] == [1, 1, 1, 0, 0]
    assert count_tokens(batch) == 10


def test_flat_rows_begin_at_position_0_and_no_row_is_predicted_from_the_one_before():
    batch = Collator(0, ALWAYS_FLAT)(ROWS)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9, 11, 12, 21, 22, 23]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 0, 1, 2]]
    assert batch["labels"].tolist() == [[IGNORED, IGNORED, 7, 8, 9, IGNORED, 12, IGNORED, 22, IGNORED]]
    assert count_tokens(batch) == 10


def test_weights_stand_beside_their_tokens_in_both_layouts():
    rows = [ROWS[1], {**ROWS[2], "weights": [1.0, 0.5, 1.0]}]
    assert Collator(0)(rows)["weights"].tolist() == [[1.0, 1.0, 0.0], [1.0, 0.5, 1.0]]
    assert Collator(0, ALWAYS_FLAT)(rows)["weights"].tolist() == [[1.0, 1.0, 1.0, 0.5, 1.0]]


def test_short_rows_of_different_length_lie_flat_and_long_ones_are_padded():
    layout = Layout(per_token=3_000_000, per_pair=2048)
    assert layout.flat_is_cheaper([20, 30, 80, 25])
    assert not layout.flat_is_cheaper([50, 50, 50, 50])  # nothing to gain
    assert not layout.flat_is_cheaper([1000, 800, 900, 950])


@pytest.mark.parametrize("family", ["qwen3", "qwen2", "llama", "glm4", "mistral", "gemma3_text", "phi3", "gpt_neox"])
def test_flat_losses_and_gradients_equal_padded_ones(tiny_model, family):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model(family)).eval()
    results = []
    for collate in (Collator(0), Collator(0, ALWAYS_FLAT)):
        model.zero_grad()
        losses, _ = trained_losses(model, collate(ROWS))
        losses.mean().backward()
        gradient = torch.cat([value.grad.flatten() for value in model.parameters() if value.grad is not None])
        results.append((losses.detach(), gradient))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["qwen3", "gemma3_text", "gpt2", "qwen3_moe"])
def test_losses_of_trained_positions_equal_the_models_own_loss(tiny_model, family):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model(family)).eval()
    batch = Collator(0)(ROWS)
    with torch.no_grad():
        own = model(**batch).loss
        losses, chosen = trained_losses(model, batch)
    assert losses.shape == (5,) and int(chosen.sum()) == 5
    assert abs(losses.mean().item() - own.item()) < 1e-6 * max(1.0, own.item())
    assert not model.get_output_embeddings()._forward_pre_hooks
