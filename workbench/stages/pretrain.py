"""Documents as rows of tokens (`render_documents`), a module tree of the base and a spec -> a trainer of its method.

The trainer of supervised fine-tuning: here every token of a row takes loss, and `pretrain.blocks` says what is packed.
"""

from workbench.stages.sft import build

__all__ = ["build"]
