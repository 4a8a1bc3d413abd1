"""OpenAssistant's trees, nested or flat: ranked sibling answers -> preferences, else every dialogue -> conversation."""

import math
from collections.abc import Mapping
from typing import Any

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Message, Preference, Record
from workbench.data.rows import RowError, shorten

Node = Mapping[str, Any]


def _tree(row: RawRow) -> list[Record]:
    found = _records(row["prompt"])
    if not found:
        raise RowError("no_answer", column="replies")
    return found


def _records(root: Node) -> list[Record]:
    """Preferences of a tree that ranks answers; the dialogues of a tree that does not."""
    pairs: list[Record] = []
    dialogues: list[Record] = []
    stack: list[tuple[Node, tuple[Message, ...]]] = [(root, ())]
    while stack:
        node, past = stack.pop()
        path = (*past, _message(node, len(past) + 1))
        replies = node.get("replies") or []
        if not isinstance(replies, list) or not all(isinstance(reply, Mapping) for reply in replies):
            raise RowError("not_a_list", value=shorten(replies))
        answers = [reply for reply in replies if turns.role_of(reply.get("role")) == "assistant"]
        if path[-1].role == "user" and (ranked := _ranked(answers)):
            best, worst = (_message(reply, len(path) + 1) for reply in (ranked[0], ranked[-1]))
            pairs.append(Preference(path, (best,), (worst,)))
        if path[-1].role == "assistant" and not any(_answered(reply) for reply in replies):
            dialogues.append(turns.conversation(path))
        stack += [(reply, path) for reply in reversed(replies)]
    return pairs or dialogues


def _ranked(answers: list[Node]) -> list[Node]:
    """Answers from best (rank 0) to worst; fewer than two ranked ones are none."""
    ranked = [(_rank(answer), index, answer) for index, answer in enumerate(answers)]
    ranked = sorted((item for item in ranked if item[0] is not None), key=lambda item: item[:2])  # type: ignore[misc]
    return [answer for _, _, answer in ranked] if len({rank for rank, _, _ in ranked}) > 1 else []


def _rank(answer: Node) -> float | None:
    try:
        rank = float(answer["rank"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return rank if math.isfinite(rank) else None


def _answered(prompter: Node) -> bool:
    """Whether a question below an answer got an answer of its own: the dialogue then goes on."""
    return bool(prompter.get("replies"))


def _message(node: Node, index: int) -> Message:
    if not isinstance(node, Mapping) or not isinstance(node.get("text"), str):
        raise RowError("not_a_message", index=index, value=shorten(node))
    role = turns.role_of(node.get("role"))
    if role == "assistant" and not node["text"].strip():
        raise RowError("empty_turn", index=index)
    return Message(role, node["text"])  # type: ignore[arg-type]


def _flat(rows: list[tuple[int, RawRow]]) -> list[tuple[list[int], Record | RowError | None]]:
    """Rows of one message each, joined by parent_id -> (row numbers, record); a tree's rows come with its first."""
    children: dict[Any, list[int]] = {}
    nodes: list[dict[str, Any]] = []
    known = {row.get("message_id") for _, row in rows}
    found: list[tuple[list[int], Record | RowError | None]] = []
    for index, (_, row) in enumerate(rows):
        nodes.append(dict(row) | {"replies": []})
        children.setdefault(row.get("parent_id") or None, []).append(index)
    for index, (number, row) in enumerate(rows):
        parent = row.get("parent_id") or None
        if parent is not None and parent not in known:
            found.append(([number], RowError("parent_missing", parent=shorten(parent))))
        if parent is not None:
            continue
        members, queue = [], [index]
        while queue:
            at = queue.pop()
            members.append(at)
            below = children.get(rows[at][1].get("message_id"), [])
            nodes[at]["replies"] = [nodes[child] for child in below]
            queue += below
        numbers = sorted(rows[at][0] for at in members)
        try:
            records = _records(nodes[index]) or [None]
        except RowError as error:
            found.append((numbers[:1], error))
            found += [([other], RowError("tree_broken", row=numbers[0])) for other in numbers[1:]]
            continue
        if records == [None]:
            found += [([other], RowError("no_answer", column="text")) for other in numbers]
            continue
        found.append((numbers, records[0]))
        found += [([], record) for record in records[1:]]
    return found


TREE = Schema(
    "oasst_tree", "preference", columns("prompt"), _tree,
    lambda row: isinstance(row["prompt"], dict) and "text" in row["prompt"], specificity=90,
)  # fmt: skip
FLAT = Schema(
    "oasst_flat", "preference", columns("message_id parent_id text role"), _flat, specificity=90, gathers=True
)
