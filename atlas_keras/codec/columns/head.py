"""The head of a file of columns: its layouts, blocks and the plans of all leaves, as bytes, with or without a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.container import MAX_HEAD
from atlas_keras.codec.columns.features import feature_of
from atlas_keras.codec.columns.grid_choice import MAX_SPIKES
from atlas_keras.codec.columns.layout import Leaf, Node, check_layout
from atlas_keras.codec.columns.learned import LearnedColumn
from atlas_keras.codec.columns.linear import Term
from atlas_keras.codec.columns.packing import deflate, inflate, pack_bytes, unpack_bytes
from atlas_keras.codec.columns.plan import LeafPlan, all_leaves, usable_plans
from atlas_keras.codec.columns.quantizer import KINDS, Quantizer
from atlas_keras.errors import ConfigError, JetDataError
from atlas_keras.schema import Bound

MAX_EVENTS = 1 << 24  # of a block
MAX_COLUMNS = 1 << 20
UNLEARNED, EMBEDDED, EXTERNAL = range(3)
ALONE, SHARED = range(2)  # how a packed head begins
N_FINGERPRINT = 16


@dataclass(frozen=True)
class SharedModel:
    """An entropy model beside the files that are made with it.

    Args:
        plans: by the names of their leaves.
        fingerprint: of the model, 32 hexadecimal digits.
        dictionary: what heads of files that are made with it have much of.
    """

    plans: dict[str, LeafPlan]
    fingerprint: str
    dictionary: bytes

    @classmethod
    def of(cls, head: Head, fingerprint: str) -> SharedModel:
        """Make a model of the head of its file."""
        bare = replace(head, plans=tuple(replace(plan, is_external=plan.learned is not None) for plan in head.plans))
        return cls({plan.leaf.name: plan for plan in head.plans}, fingerprint, bare.to_bytes())


@dataclass(frozen=True)
class Head:
    """What a file says of itself.

    Args:
        about: the tree, the format of the source, the unit of energies, counters of lists, and such, as JSON.
        blocks: number of events of each.
        columns: the layout of each.
        plans: of all leaves of all columns, in the order of coding.
        late: columns that are coded behind all others.
    """

    about: dict[str, Any]
    blocks: tuple[int, ...]
    columns: dict[str, Node]
    plans: tuple[LeafPlan, ...]
    late: tuple[str, ...] = ()

    @property
    def n_events(self) -> int:
        """Number of events of all blocks."""
        return sum(self.blocks)

    def to_bytes(self) -> bytes:
        """Write the head."""
        text, writer = ByteWriter(), ByteWriter()
        layouts = list({json.dumps(node): node for node in self.columns.values()}.values())
        bounds = list(dict.fromkeys(plan.bound for plan in self.plans))
        steps = list(dict.fromkeys(plan.quantizer.step for plan in self.plans))
        said = {
            "about": {key: value for key, value in self.about.items() if key != "model"},
            "blocks": list(self.blocks),
            "layouts": layouts,
            "bounds": [str(bound) for bound in bounds],
            "steps": steps,
            "columns": list(self.columns),
            "late": [list(self.columns).index(name) for name in self.late],
        }
        formulas = [plan.formula for plan in self.plans if plan.quantizer.kind == "ratio"]
        writer.numbers(layouts.index(node) for node in self.columns.values())
        writer.numbers(bounds.index(plan.bound) for plan in self.plans)
        writer.numbers(KINDS.index(plan.quantizer.kind) for plan in self.plans)
        writer.numbers(steps.index(plan.quantizer.step) for plan in self.plans)
        writer.numbers(plan.quantizer.shift for plan in self.plans)
        writer.numbers(plan.same_as + 1 for plan in self.plans)
        for plan in self.plans:
            writer.signed(plan.usual)
        writer.numbers(len(plan.quantizer.spikes) for plan in self.plans)
        writer.numbers(spike for plan in self.plans for spike in plan.quantizer.spikes)
        writer.numbers(number for formula in formulas for number in (len(formula) - 2, *formula))
        writer.numbers(
            EXTERNAL if plan.is_external else EMBEDDED if plan.learned is not None else UNLEARNED for plan in self.plans
        )
        own = [plan.learned for plan in self.plans if plan.learned is not None and not plan.is_external]
        terms = sorted({term for learned in own for term in learned.terms}, key=lambda term: term.key)
        writer.number(len(terms))
        for term in terms:
            term.write(writer)
        for learned in own:
            learned.write(writer, {term: place for place, term in enumerate(terms)})
        text.chunk(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode())
        return bytes(text.content + writer.content)

    def pack(self, model: SharedModel | None) -> bytes:
        """Write the head in few bytes; what it has in common with that of its model is not written again."""
        content, writer = self.to_bytes(), ByteWriter()
        if model is None:
            return bytes([ALONE]) + pack_bytes(content)
        writer.number(len(content))
        squeezed = deflate(content, model.dictionary)
        return bytes([SHARED]) + bytes.fromhex(model.fingerprint) + writer.content + squeezed

    @classmethod
    def unpack(cls, content: bytes, find: Callable[[str], SharedModel]) -> Head:
        """Read what `pack` wrote.

        Args:
            content: the packed head.
            find: finds the model of a fingerprint.

        Raises:
            JetDataError: content that it does not write, or no such model.
        """
        if content[:1] == bytes([ALONE]):
            return cls.from_bytes(unpack_bytes(content[1:], MAX_HEAD))
        if content[:1] != bytes([SHARED]) or len(content) <= N_FINGERPRINT:
            raise JetDataError("the head of the file is damaged")
        model = find(content[1 : 1 + N_FINGERPRINT].hex())
        reader = ByteReader(content[1 + N_FINGERPRINT :])
        size = reader.number(MAX_HEAD)
        return cls.from_bytes(inflate(reader.rest(), size, model.dictionary), model)

    @classmethod
    def from_bytes(cls, content: bytes, model: SharedModel | None = None) -> Head:
        """Read what `to_bytes` wrote.

        Args:
            content: the head.
            model: that the file was made with; None where it has all that it needs.

        Raises:
            JetDataError: content that it does not write.
        """
        reader = ByteReader(content)
        said = _checked(reader.chunk())
        names, layouts = said["columns"], said["layouts"]
        try:
            bounds = [Bound.parse(text) for text in said["bounds"]]
        except ConfigError as error:
            raise JetDataError(f"the head has an impossible bound ({error})") from error
        columns = {name: layouts[reader.number(len(layouts) - 1)] for name in names}
        late = tuple(names[k] for k in said["late"])
        leaves = all_leaves(columns, late)
        if len(leaves) > MAX_COLUMNS:
            raise JetDataError("the head has too many columns")
        plans = tuple(_learned(reader, _read_plans(reader, leaves, bounds, said["steps"]), model))
        if reader.left():
            raise JetDataError("the head is longer than it says")
        about = said["about"] if model is None else {**said["about"], "model": model.fingerprint}
        return cls(about, tuple(said["blocks"]), columns, plans, late)


def _read_plans(
    reader: ByteReader, leaves: Sequence[Leaf], bounds: Sequence[Bound], steps: Sequence[float]
) -> list[LeafPlan]:
    """Read how leaves are coded, without what is learned."""
    n = len(leaves)

    def each(most: int) -> list[int]:
        return [reader.number(most) for _ in range(n)]

    own_bounds, kinds, own_steps, shifts = each(len(bounds) - 1), each(len(KINDS) - 1), each(len(steps) - 1), each(52)
    same, usual = [reader.number(at) for at in range(n)], [reader.signed() for _ in range(n)]
    n_spikes = each(MAX_SPIKES)
    plans = []
    for at, leaf in enumerate(leaves):
        spikes = tuple(reader.number() for _ in range(n_spikes[at]))
        quantizer = Quantizer(KINDS[kinds[at]], leaf.dtype, steps[own_steps[at]], shifts[at], spikes)
        quantizer.check()
        if not -(1 << 63) <= usual[at] < 1 << 63:
            raise JetDataError("the head has an impossible cell")
        plans.append(LeafPlan(leaf, bounds[own_bounds[at]], quantizer, usual[at], same[at] - 1, number=at))
    for at, plan in enumerate(plans):
        if plan.quantizer.kind == "ratio":
            sources = tuple(reader.number(at - 1) for _ in range(2 + reader.number(2)))
            plans[at] = replace(plan, formula=sources)
    return plans


def _learned(reader: ByteReader, plans: Sequence[LeafPlan], model: SharedModel | None) -> Iterator[LeafPlan]:
    """Read what is learned of each leaf, or take it from the model."""
    where = [reader.number(EXTERNAL) for _ in plans]
    terms = [Term.read(reader) for _ in range(reader.number(MAX_COLUMNS))]
    found = {} if model is None else usable_plans(model.plans, [plan.leaf for plan in plans])
    for plan, place in zip(plans, where, strict=True):
        quantizer, name = plan.quantizer, plan.leaf.name
        if place == UNLEARNED:
            yield plan
        elif place == EMBEDDED:
            own = LearnedColumn.read(reader, quantizer.specials, feature_of(plan.number), terms, quantizer.n_turn)
            yield replace(plan, learned=own)
        elif name in found and found[name].quantizer == quantizer:
            yield replace(plan, learned=found[name].learned, is_external=True)
        else:
            raise JetDataError(f"column {plan.leaf.column} needs an entropy model that was not given, or another")


def _checked(content: bytes) -> dict[str, Any]:
    """Read the JSON of a head, and refuse what is none."""
    try:
        said = json.loads(content)
        names, blocks = said["columns"], said["blocks"]
        sound = isinstance(said["about"], dict) and all(type(name) is str for name in names)
        sound &= len(set(names)) == len(names) <= MAX_COLUMNS
        sound &= all(type(n) is int and 0 <= n <= MAX_EVENTS for n in blocks)
        sound &= all(type(k) is int and 0 <= k < len(names) for k in said["late"])
        sound &= all(type(step) is float and 0 <= step < 1e300 for step in said["steps"])
        sound &= all(type(text) is str for text in said["bounds"])
        for node in said["layouts"]:
            check_layout(node)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JetDataError("the head of the file is damaged") from error
    if not sound:
        raise JetDataError("the head of the file is damaged")
    return said
