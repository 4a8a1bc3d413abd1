"""Modules being made or loaded -> one thread at a time in the whole process.

PEFT's `low_cpu_mem_usage` swaps `nn.Module.register_parameter`, and transformers' loading swaps the functions of
`torch.nn.init`, for every thread. An adapter attached for a chat at the moment when a training makes its own would
leave the training with weights without data, or everybody with the swapped function for ever.
"""

import threading

BUILDING = threading.RLock()
