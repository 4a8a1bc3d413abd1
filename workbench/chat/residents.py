"""A base model in memory -> the chat's module trees over it, with the adapters that columns asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.chat.columns import Located, check_mixable
from workbench.errors import UserError
from workbench.models import adapters, matrices, mixing, trees, weights
from workbench.models.adapters import AdapterRef
from workbench.models.hub import Base
from workbench.models.matrices import Matrices

SHARED_AT_MOST = 16  # adapters that stay attached; the longest unused go first
OWN_AT_MOST = 4  # trees of adapters that cannot share one


@dataclass(frozen=True)
class Seat:
    """Where a column is answered: a row of the shared tree (adapter None: the bare model), or a tree of its own."""

    tree: Any = None  # None: the shared tree, which may have been wrapped since
    adapter: mixing.Who | None = None
    tokenizer: Any = None  # of an adapter with new tokens
    single: bool = False  # one row at a time: a virtual prompt, which left padding would push away from its text


class Resident:
    """Owned by the engine's thread; nobody else touches its trees."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self._mixable = mixing.can_mix(base.model)
        self._epoch = 0
        self._own: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._start_afresh()

    def _start_afresh(self) -> None:
        self.tree = trees.tree(self.base.model)
        self._shared: OrderedDict[tuple[Any, ...], str | Matrices] = OrderedDict()
        self._newest: dict[str, tuple[Any, ...]] = {}  # of each name
        self._epoch += 1

    def count(self) -> int:
        """How many adapters are attached."""
        return len(self._shared) + len(self._own)

    def seats(self, columns: Sequence[Located]) -> list[Seat | UserError]:
        """One seat per column, or why it has none. An adapter that fails takes no other column with it."""
        failed: dict[int, UserError] = {}
        while True:
            epoch, found = self._epoch, []
            for place, column in enumerate(columns):
                if place not in failed:
                    try:
                        found.append(self._seat(column))
                        continue
                    except UserError as error:
                        failed[place] = error
                    except FileNotFoundError:  # deleted between finding and reading it
                        failed[place] = UserError("adapters.no_folder", path=column.column.name)
                found.append(failed[place])
            if epoch == self._epoch:  # otherwise the shared tree was replaced and earlier seats are in the old one
                self._forget_unused([seat for seat in found if isinstance(seat, Seat)])
                return found

    def guest_seats(self, columns: Sequence[Located]) -> list[Seat] | None:
        """Seats in the batch that is being answered: its tree must not change, so only the bare model and plain LoRA.

        None when one of them needs more, or cannot be had; `seats` then says why.
        """
        try:
            found = [self._guest_seat(column) for column in columns]
        except (UserError, FileNotFoundError):
            return None
        return None if None in found else found

    def _guest_seat(self, column: Located) -> Seat | None:
        if not column.refs:
            return Seat()
        configs = [self._config(ref) for ref, _ in column.refs]
        check_mixable(column, configs)
        parts = []
        for (ref, strength), config in zip(column.refs, configs, strict=True):
            if not self._mixable or not adapters.shareable(config):
                return None
            stamp = ref.stamp()
            adapter = self._shared.get(stamp) or matrices.read(self.base.model, ref.path, config, ref.name)
            if not isinstance(adapter, Matrices):
                return None
            self._shared[stamp] = adapter
            self._shared.move_to_end(stamp)
            parts.append((adapter, strength))
        alone = len(parts) == 1 and parts[0][1] == 1.0
        return Seat(adapter=parts[0][0] if alone else tuple(parts))

    def _seat(self, column: Located) -> Seat:
        if not column.refs:
            return Seat()
        configs = [self._config(ref) for ref, _ in column.refs]
        check_mixable(column, configs)
        if len(column.refs) == 1 and column.refs[0][1] == 1.0:
            return self._seat_alone(column.refs[0][0], configs[0])
        for ref, _ in column.refs:
            if any(".lora_embedding_" in name for name in weights.header(ref.path / adapters.WEIGHTS) or ()):
                raise UserError("columns.cannot_mix", name=ref.name, kind="LoRA + embeddings")
        if not self._mixable:
            return self._seat_of_sum(column)
        parts = zip(column.refs, configs, strict=True)
        return Seat(adapter=tuple((self._attached(ref, config), strength) for (ref, strength), config in parts))

    def _seat_of_sum(self, column: Located) -> Seat:
        """A tree of its own for a strength or a mix over experts, which get tokens out of all rows."""
        stamp = tuple((ref.stamp(), strength) for ref, strength in column.refs)
        if stamp not in self._own:
            tree, found = trees.tree(self.base.model), []
            for ref, _ in column.refs:
                tree, adapter = adapters.attach(tree, ref)
                found.append(adapter)
            strengths = [strength for _, strength in column.refs]
            tree.add_weighted_adapter(found, strengths, "sum", combination_type="cat")  # the exact sum
            tree.set_adapter("sum", inference_mode=True)
            self._own[stamp] = tree, None
        self._own.move_to_end(stamp)
        return Seat(tree=self._own[stamp][0])

    def _seat_alone(self, ref: AdapterRef, config: Mapping[str, Any]) -> Seat:
        # Beside trainable tokens in one tree PEFT cannot attach a further adapter that has none (KeyError).
        if self._mixable and adapters.shareable(config) and not config.get("trainable_token_indices"):
            return Seat(adapter=self._attached(ref, config))
        stamp = ref.stamp()
        if stamp not in self._own:
            bare = trees.private_copy if adapters.changes_base(config) else trees.tree
            tree, _ = adapters.attach(bare(self.base.model), ref)
            self._own[stamp] = tree, adapters.tokenizer_of(ref.path)
        self._own.move_to_end(stamp)
        tree, tokenizer = self._own[stamp]
        return Seat(tree=tree, tokenizer=tokenizer, single=adapters.has_virtual_prompt(tree))

    def _config(self, ref: AdapterRef) -> Mapping[str, Any]:
        config = adapters.read_config(ref.path)
        if config is None:
            raise UserError("adapters.no_config", path=ref.name, file=adapters.CONFIG)
        return config

    def _attached(self, ref: AdapterRef, config: Mapping[str, Any]) -> str | Matrices:
        stamp = ref.stamp()
        if stamp not in self._shared:
            self._shared[stamp] = self._attach(ref, config)
            # Live weights are other files at every step: those before would push out what is still asked for.
            before, self._newest[ref.name] = self._newest.get(ref.name), stamp
            if before != stamp and isinstance(self._shared.get(before), Matrices):
                del self._shared[before]
        self._shared.move_to_end(stamp)
        return self._shared[stamp]

    def _attach(self, ref: AdapterRef, config: Mapping[str, Any]) -> str | Matrices:
        plain = matrices.read(self.base.model, ref.path, config, ref.name)
        if plain is not None:
            return plain
        try:
            self.tree, adapter = adapters.attach(self.tree, ref)
        except UserError as error:
            if error.key in ("adapters.cannot_attach", "adapters.missing_weights"):
                self._start_afresh()  # half an adapter may be in the tree
            raise
        return adapter

    def _forget_unused(self, needed: Sequence[Seat]) -> None:
        in_use = {part for seat in needed if seat.adapter for part, _ in mixing.parts(seat.adapter)}
        for stamp, adapter in list(self._shared.items()):
            if len(self._shared) <= SHARED_AT_MOST:
                break
            if adapter not in in_use:
                if isinstance(adapter, str):
                    self.tree = adapters.detach(self.tree, adapter)
                del self._shared[stamp]
        trees_in_use = {id(seat.tree) for seat in needed}
        for stamp, (tree, _) in list(self._own.items()):
            if len(self._own) <= OWN_AT_MOST:
                break
            if id(tree) not in trees_in_use:
                del self._own[stamp]
