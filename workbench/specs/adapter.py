"""Section `adapter`: which weights learn, and how; the rest of the base model stays as it is.

A knob whose receivers (joined by |) include a method's PEFT config reaches that config under its own name: a new knob of
a method is one line here and one in `zh.yaml`.
"""

from typing import Literal

from workbench.specs.knob import Section, knob

_LORA = "adapter.type=lora"
_PREFIX = "adapter.type=prefix"
_LISA = "adapter.type=lisa"
_BOTTLENECK = "adapter.type=bottleneck"

Kind = Literal[
    "lora", "adalora", "ia3", "prefix", "prompt", "p_tuning", "oft", "boft", "vera", "loha", "lokr", "ln_tuning",
    "trainable_tokens", "bottleneck", "freeze", "full", "lisa",
]  # fmt: skip


class AdapterSection(Section):
    type: Kind = knob("lora", "Method", "lora: two thin matrices beside each linear layer (Hu et al. 2021), the safe choice. full trains all weights, freeze the last layers, lisa random layers in turn; prefix, prompt and p_tuning learn a virtual prompt; the rest are other kinds of small adapters.", basic=True)
    continue_from: str = knob("", "Start from adapter", "A run, RUN/checkpoint-N, or a folder with an adapter to start from instead of a new one.")
    continue_as: Literal["same", "stack"] = knob("same", "How to start from it", "same: train that adapter further, with its own method and shape. stack: it stays as it is, merged into a private copy of the base, and a new adapter learns on top.")
    r: int = knob(16, "Rank r", "Width of the thin matrices: more can learn more, and costs more. VeRA wants 256 and more.", ge=1, le=1024, receiver="peft.LoraConfig|peft.VeraConfig|peft.LoHaConfig|peft.LoKrConfig", when="adapter.type=lora|vera|loha|lokr", basic=True)
    lora_alpha: int = knob(32, "Alpha", "The update is scaled by alpha / r; twice the rank is the usual choice.", ge=1, le=8192, receiver="peft.LoraConfig|peft.AdaLoraConfig", when="adapter.type=lora|adalora")
    lora_dropout: float = knob(0.0, "Dropout", "Part of the adapter's inputs set to zero while training; helps small data sets against learning by heart.", ge=0.0, le=0.9, receiver="peft.LoraConfig|peft.AdaLoraConfig", when="adapter.type=lora|adalora")
    target_modules: str = knob("all-linear", "Target modules", "all-linear, or names of layers joined by commas (q_proj,v_proj). all-linear leaves lm_head out; for ia3 it means keys, values and the last layer of each feed-forward block.", receiver="peft.LoraConfig|peft.AdaLoraConfig|peft.IA3Config|peft.OFTConfig|peft.BOFTConfig|peft.VeraConfig|peft.LoHaConfig|peft.LoKrConfig", when="adapter.type=lora|adalora|ia3|oft|boft|vera|loha|lokr", suggestions=("all-linear", "q_proj,v_proj", "q_proj,k_proj,v_proj,o_proj"))
    use_rslora: bool = knob(False, "rsLoRA", "Scale by alpha / √r instead: keeps large ranks stable (Kalajdzievski 2023).", receiver="peft.LoraConfig", when=_LORA)
    use_dora: bool = knob(False, "DoRA", "Learn direction and magnitude apart: often better at small ranks, slower (Liu et al. 2024).", receiver="peft.LoraConfig", when=_LORA)
    init_lora_weights: Literal["true", "gaussian", "orthogonal", "pissa", "olora", "eva", "loftq"] = knob("true", "Initial weights", "How the thin matrices begin. true: Kaiming for A, zero for B. pissa: the base's principal directions (Meng et al. 2024). olora: a QR decomposition of it (Büyükakyüz 2024). eva: directions of your own data's activations (Paischer et al. 2024). loftq: makes up for the 4-bit rounding, needs model.quantization=nf4 (Li et al. 2023).", receiver="peft.LoraConfig", when=_LORA)
    loraplus_lr_ratio: float = knob(1.0, "LoRA+ ratio", "Matrix B learns this many times faster than A; 16 is the paper's choice, 1 is off (Hayou et al. 2024).", ge=1.0, le=1000.0, receiver="peft.optimizers.create_loraplus_optimizer", when=_LORA)
    lora_fa: bool = knob(False, "LoRA-FA", "Keep A as it began and train B alone, with an optimizer of its own: fewer activations to keep (Zhang et al. 2023).", when=_LORA)
    init_r: int = knob(12, "First rank", "Rank of every layer at the beginning; more than the rank at the end.", ge=2, le=1024, receiver="peft.AdaLoraConfig", when="adapter.type=adalora")
    target_r: int = knob(8, "Rank at the end", "Mean rank over all layers at the end; what matters less has been pruned (Zhang et al. 2023).", ge=1, le=1024, receiver="peft.AdaLoraConfig", when="adapter.type=adalora")
    tinit: int = knob(-1, "Steps before pruning", "-1: a tenth of the run.", ge=-1, le=10_000_000, unit="steps", receiver="peft.AdaLoraConfig", when="adapter.type=adalora")
    tfinal: int = knob(-1, "Steps after pruning", "In which the ranks stay as they are; -1: a third of the run.", ge=-1, le=10_000_000, unit="steps", receiver="peft.AdaLoraConfig", when="adapter.type=adalora")
    deltaT: int = knob(1, "Prune every", "Steps between two updates of the ranks.", ge=1, le=1_000_000, unit="steps", receiver="peft.AdaLoraConfig", when="adapter.type=adalora")
    orth_reg_weight: float = knob(0.5, "Orthogonality", "Weight of the term that keeps the directions apart.", gt=0.0, le=100.0, receiver="peft.AdaLoraConfig", when="adapter.type=adalora")
    num_virtual_tokens: int = knob(20, "Virtual tokens", "Length of the learned prompt; each takes the place of a token in the model's window.", ge=1, le=4096, unit="tokens", receiver="peft.PrefixTuningConfig|peft.PromptTuningConfig|peft.PromptEncoderConfig", when="adapter.type=prefix|prompt|p_tuning")
    prefix_projection: bool = knob(False, "Projection", "Learn the prefix through a small network (prefix tuning); off: P-Tuning v2.", receiver="peft.PrefixTuningConfig", when=_PREFIX)
    encoder_hidden_size: int = knob(128, "Width of the prompt's network", "Of the network that makes the virtual prompt; only needed while training.", ge=1, le=65_536, receiver="peft.PrefixTuningConfig|peft.PromptEncoderConfig", when="adapter.type=prefix|p_tuning")
    encoder_reparameterization_type: Literal["MLP", "LSTM"] = knob("MLP", "Prompt's network", "What makes the virtual prompt while training (Liu et al. 2021).", receiver="peft.PromptEncoderConfig", when="adapter.type=p_tuning")
    prompt_text: str = knob("", "First text of the prompt", "The virtual prompt begins as the embeddings of this text, repeated or cut to its length; empty: random tokens of the vocabulary.", when="adapter.type=prompt", max_length=4000)
    oft_block_size: int = knob(32, "Block size", "Side of the rotated blocks; must divide the layers' widths (Qiu et al. 2023).", ge=2, le=4096, receiver="peft.OFTConfig", when="adapter.type=oft")
    coft: bool = knob(False, "Constrained", "Keep the rotation near its beginning (COFT).", receiver="peft.OFTConfig", when="adapter.type=oft")
    boft_block_size: int = knob(4, "Block size", "Side of the butterfly's blocks; must divide the layers' widths (Liu et al. 2023).", ge=2, le=4096, receiver="peft.BOFTConfig", when="adapter.type=boft")
    boft_n_butterfly_factor: int = knob(1, "Butterfly factors", "More mix more distant inputs.", ge=1, le=16, receiver="peft.BOFTConfig", when="adapter.type=boft")
    boft_dropout: float = knob(0.0, "Dropout", "Part of the blocks left as they are while training.", ge=0.0, le=0.9, receiver="peft.BOFTConfig", when="adapter.type=boft")
    vera_dropout: float = knob(0.0, "Dropout", "Part of the adapter's inputs set to zero while training.", ge=0.0, le=0.9, receiver="peft.VeraConfig", when="adapter.type=vera")
    d_initial: float = knob(0.1, "First scale", "Value the learned vector begins with (Kopiczko et al. 2023).", gt=0.0, le=10.0, receiver="peft.VeraConfig", when="adapter.type=vera")
    alpha: int = knob(16, "Alpha", "The update is scaled by alpha / r.", ge=1, le=8192, receiver="peft.LoHaConfig|peft.LoKrConfig", when="adapter.type=loha|lokr")
    rank_dropout: float = knob(0.0, "Dropout of ranks", "Part of the ranks set to zero while training.", ge=0.0, le=0.9, receiver="peft.LoHaConfig|peft.LoKrConfig", when="adapter.type=loha|lokr")
    module_dropout: float = knob(0.0, "Dropout of layers", "Part of the layers that go without their adapter in a step.", ge=0.0, le=0.9, receiver="peft.LoHaConfig|peft.LoKrConfig|peft.OFTConfig", when="adapter.type=loha|lokr|oft")
    decompose_both: bool = knob(False, "Decompose both factors", "Smaller: the left factor of the Kronecker product gets a rank too.", receiver="peft.LoKrConfig", when="adapter.type=lokr")
    decompose_factor: int = knob(-1, "Kronecker factor", "-1: as square as possible.", ge=-1, le=65_536, receiver="peft.LoKrConfig", when="adapter.type=lokr")
    token_indices: str = knob("", "Tokens that learn", "Numbers or texts of tokens, joined by commas; the embedding's rows of these learn and nothing else.", when="adapter.type=trainable_tokens")
    bottleneck_placement: Literal["series", "parallel"] = knob("series", "Placement", "series: after the feed-forward block, on its output (Houlsby et al. 2019). parallel: beside it, on its input (He et al. 2021).", when=_BOTTLENECK)
    bottleneck_size: int = knob(64, "Bottleneck width", "Between the two layers of each small network (LLM-Adapters uses 256).", ge=1, le=16_384, when=_BOTTLENECK)
    bottleneck_activation: Literal["relu", "gelu", "silu", "tanh"] = knob("relu", "Activation", "Between the two layers of each small network.", when=_BOTTLENECK)
    bottleneck_scaling: float = knob(1.0, "Scale", "What each small network adds is multiplied by this; parallel ones often take 4.", gt=0.0, le=100.0, when=_BOTTLENECK)
    bottleneck_dropout: float = knob(0.0, "Dropout", "Part of the small networks' inputs set to zero while training.", ge=0.0, le=0.9, when=_BOTTLENECK)
    trained_layers: int = knob(2, "Last layers that learn", "Counted from the end; embeddings and head stay as they are.", ge=1, le=1000, when="adapter.type=freeze")
    lisa_layers: int = knob(2, "Layers at once", "Drawn at random; embeddings, last norm and head always learn (Pan et al. 2024).", ge=1, le=1000, when=_LISA)
    lisa_interval: int = knob(20, "Drawn anew every", "Steps with the same layers.", ge=1, le=1_000_000, unit="steps", when=_LISA)
