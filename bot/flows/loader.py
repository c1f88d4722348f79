"""A folder of flows: read as a whole, checked as a whole, and taken as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.actions import ActionRegistry
from bot.flows.header import read_flow
from bot.flows.model import Flow, Trigger
from bot.flows.reading import Reading, Reference
from bot.problems import FileProblems, Problem, did_you_mean
from bot.yaml12 import Document, load_document, load_file
from bot.yaml12 import Mapping as MappingNode

__all__ = ["FlowSet", "check", "read_folder", "read_text"]

OTHER_FILES = ("campaign", "test", "people")
"""First keys of files that may stand beside flows and are read by others."""
MAX_FILES = 2_000


@dataclass(frozen=True, slots=True)
class FlowSet:
    """Flows that were read and checked together. `warnings` are mistakes that do no harm."""

    folder: Path
    flows: Mapping[str, Flow] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    @classmethod
    def load(
        cls, folder: Path, registry: ActionRegistry, *, variables: Mapping[str, object] | None = None
    ) -> FlowSet:
        """Read all flows of a folder. `variables` are the configuration's `vars`.

        Raises:
            FileProblems: everything that is wrong with any of them; `checked` says how many files were read.
        """
        flows, problems, checked = read_folder(folder, registry, {} if variables is None else variables)
        if any(problem.severity == "error" for problem in problems):
            raise FileProblems(problems, checked=checked)
        return cls(folder, flows, tuple(problems))

    def triggers(self, event: str) -> Iterator[tuple[Flow, Trigger]]:
        """The flows that an event of this name may start."""
        for flow in self.flows.values():
            for trigger in flow.triggers:
                if trigger.event.name == event:
                    yield flow, trigger


def check(folder: Path, registry: ActionRegistry, *, variables: Mapping[str, object] | None = None) -> list[Problem]:
    """Everything that is wrong with the flows of a folder. Without `variables`, `vars` may hold anything."""
    return read_folder(folder, registry, variables)[1]


def read_folder(
    folder: Path, registry: ActionRegistry, variables: Mapping[str, object] | None
) -> tuple[dict[str, Flow], list[Problem], int]:
    """The flows by name, the problems, and the number of files that were read."""
    if not folder.is_dir():
        return {}, [Problem(str(folder), 0, 0, 0, "there is no such folder")], 0
    paths = sorted(path for ending in ("*.yaml", "*.yml") for path in folder.rglob(ending) if path.is_file())
    if len(paths) > MAX_FILES:
        return {}, [Problem(str(folder), 0, 0, 0, f"more than {MAX_FILES:,} files")], 0
    documents = [load_file(path, str(folder / path.relative_to(folder))) for path in paths]
    flows, problems = _read(documents, registry, variables)
    return flows, problems, len(documents)


def read_text(
    text: str, registry: ActionRegistry, *, path: str = "flow.yaml", variables: Mapping[str, object] | None = None
) -> tuple[dict[str, Flow], list[Problem]]:
    """The flow that a text holds, and its problems: for editors and tests."""
    return _read([load_document(path, text)], registry, variables)


def _read(
    documents: Iterable[Document], registry: ActionRegistry, variables: Mapping[str, object] | None
) -> tuple[dict[str, Flow], list[Problem]]:
    flows: dict[str, Flow] = {}
    names: dict[str, str] = {}
    problems: list[Problem] = []
    references: list[Reference] = []
    for document in documents:
        if isinstance(document.node, MappingNode) and _is_other(document.node):
            continue
        reading = Reading(registry, variables)
        flow = read_flow(reading, document)
        problems.extend(reading.problems)
        references.extend(reading.references)
        name = _claim_name(document, names, problems)
        if flow is not None and name:
            flows[name] = flow
    _check_references(references, flows, names, problems)
    return flows, problems


def _is_other(node: MappingNode) -> bool:
    first = next(iter(node), None)
    return first is not None and first.key.text in OTHER_FILES and "do" not in node


def _claim_name(document: Document, names: dict[str, str], problems: list[Problem]) -> str:
    """The flow's name, when no other file has it."""
    node = document.node
    value = node.get("flow") if isinstance(node, MappingNode) else None
    name = getattr(value, "text", "")
    if not name or value is None:
        return ""
    if name in names:
        problems.append(value.mark.problem(f'there is a flow "{name}" already', f"in {names[name]}"))
        return ""
    names[name] = document.source.path
    return str(name)


def _check_references(
    references: Iterable[Reference], flows: Mapping[str, Flow], names: Mapping[str, str], problems: list[Problem]
) -> None:
    for reference in references:
        flow = flows.get(reference.flow)
        if reference.flow not in names:
            hint = did_you_mean(reference.flow, names) or f"flows: {', '.join(sorted(names)[:10])}"
            problems.append(reference.mark.problem(f'there is no flow "{reference.flow}"', hint))
        elif flow is not None:
            problems.extend(_check_inputs(reference, flow))


def _check_inputs(reference: Reference, flow: Flow) -> Iterator[Problem]:
    if flow.needs_call:
        message = f'the flow "{flow.name}" needs a call, and is given none here'
        yield reference.mark.problem(message, f'its step "{flow.needs_call}" acts on the call that the flow is given')
    given = reference.inputs
    if given is None:
        return
    for entry in given:
        if entry.key.text not in flow.inputs:
            hint = did_you_mean(entry.key.text, flow.inputs)
            yield entry.key.mark.problem(f'the flow "{flow.name}" has no input "{entry.key.text}"', hint)
    for name, definition in flow.inputs.items():
        if definition.required and name not in given:
            yield reference.mark.problem(f'the flow "{flow.name}" needs the input "{name}"')
