"""A base model in memory -> the chat's module trees over it, with the adapters that columns asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import UserError
from workbench.models import adapters, mixing, trees
from workbench.models.adapters import AdapterRef
from workbench.models.hub import Base

SHARED_AT_MOST = 16  # adapters that stay attached; the longest unused go first
OWN_AT_MOST = 4  # trees of adapters that cannot share one


@dataclass(frozen=True)
class Seat:
    """Where a column is answered: a row of the shared tree (adapter None: the bare model), or a tree of its own."""

    tree: Any = None  # None: the shared tree, which may have been wrapped since
    adapter: str | None = None
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
        self._shared: OrderedDict[tuple[Any, ...], str] = OrderedDict()
        self._epoch += 1

    def seats(self, refs: Sequence[AdapterRef | UserError]) -> list[Seat | UserError]:
        """One seat per column, or why it has none. An adapter that fails takes no other column with it."""
        failed: dict[int, UserError] = {place: ref for place, ref in enumerate(refs) if isinstance(ref, UserError)}
        while True:
            epoch, found = self._epoch, []
            for place, ref in enumerate(refs):
                if place not in failed:
                    try:
                        found.append(self._seat(ref))
                        continue
                    except UserError as error:
                        failed[place] = error
                    except FileNotFoundError:  # deleted between finding and reading it
                        failed[place] = UserError("adapters.no_folder", path=ref.name)
                found.append(failed[place])
            if epoch == self._epoch:  # otherwise the shared tree was replaced and earlier seats are in the old one
                self._forget_unused([seat for seat in found if isinstance(seat, Seat)])
                return found

    def _seat(self, ref: AdapterRef) -> Seat:
        if ref.path is None:
            return Seat()
        stamp, config = ref.stamp(), adapters.read_config(ref.path)
        if config is None:
            raise UserError("adapters.no_config", path=ref.name, file=adapters.CONFIG)
        if self._mixable and adapters.shareable(config):
            if stamp not in self._shared:
                self._attach_shared(ref, stamp)
            self._shared.move_to_end(stamp)
            return Seat(adapter=self._shared[stamp])
        if stamp not in self._own:
            bare = trees.private_copy if adapters.changes_base(config) else trees.tree
            self._own[stamp], _ = adapters.attach(bare(self.base.model), ref)
        self._own.move_to_end(stamp)
        return Seat(tree=self._own[stamp], single=self._own[stamp].active_peft_config.is_prompt_learning)

    def _attach_shared(self, ref: AdapterRef, stamp: tuple[Any, ...]) -> None:
        try:
            self.tree, self._shared[stamp] = adapters.attach(self.tree, ref)
        except UserError as error:
            if error.key in ("adapters.cannot_attach", "adapters.missing_weights"):
                self._start_afresh()  # half an adapter may be in the tree
            raise

    def _forget_unused(self, needed: Sequence[Seat]) -> None:
        in_use = {seat.adapter for seat in needed}
        for stamp, adapter in list(self._shared.items()):
            if len(self._shared) <= SHARED_AT_MOST:
                break
            if adapter not in in_use:
                self.tree = adapters.detach(self.tree, adapter)
                del self._shared[stamp]
        trees_in_use = {id(seat.tree) for seat in needed}
        for stamp, tree in list(self._own.items()):
            if len(self._own) <= OWN_AT_MOST:
                break
            if id(tree) not in trees_in_use:
                del self._own[stamp]
