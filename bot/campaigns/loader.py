"""Reading the folder of campaigns: all of it or nothing, every mistake at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.campaigns.contacts import missing_columns, read_header
from bot.campaigns.model import OFFERED, Campaign, CampaignFile
from bot.campaigns.numbers import normalise
from bot.flows.model import Flow
from bot.problems import FileProblems, Problem, did_you_mean, one_of
from bot.yaml12 import Mapping as MappingNode
from bot.yaml12 import Mark, Node, load_file, to_model

__all__ = ["load_campaigns"]


def load_campaigns(folder: Path, *, flows: Mapping[str, Flow] | None = None) -> dict[str, Campaign]:
    """The campaigns of a folder, by name. `flows` are the flows that there are; nothing is checked when None.

    Raises:
        FileProblems: everything that is wrong in any of the files.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    problems: list[Problem] = []
    found: dict[str, Campaign] = {}
    for path in paths:
        document = load_file(path)
        problems += document.problems
        settings = to_model(document.node, CampaignFile, problems) if not document.problems else None
        if settings is None:
            continue
        flow = flows.get(settings.flow) if flows is not None else None
        campaign = Campaign(settings, path, frozenset(flow.inputs) if flow else None)
        problems += _checks(campaign, document.node, flows)
        if settings.campaign in found:
            other = found[settings.campaign].path
            problems.append(_mark(document.node, "campaign").problem(f"{other} has the same name"))
        found.setdefault(settings.campaign, campaign)
    if problems:
        raise FileProblems(problems, checked=len(paths))
    return found


def _checks(campaign: Campaign, node: Node, flows: Mapping[str, Flow] | None) -> Iterator[Problem]:
    """What one field alone cannot tell: files, columns, flows, and the consent that a speaking machine needs."""
    settings = campaign.settings
    if flows is not None and settings.flow not in flows:
        hint = did_you_mean(settings.flow, flows) or (f"there is {one_of(sorted(flows))}" if flows else "")
        yield _mark(node, "flow").problem(f'unknown flow "{settings.flow}"', hint)
    if settings.needs_consent_column:
        yield _mark(node, "list").problem(
            "a machine's voice may only call people who consented to it",
            'name the consent column, or declare it: consent: "asked in the shop"',
        )
    yield from _check_list(campaign, node, flows.get(settings.flow) if flows is not None else None)
    refused = campaign.do_not_call_path
    if refused is not None and not refused.is_file():
        yield _mark(node, "do_not_call").problem(f"there is no file {refused}")
    if settings.caller_id:
        try:
            normalise(settings.caller_id, settings.contacts.country)
        except ValueError as error:
            yield _mark(node, "caller_id").problem(str(error))


def _check_list(campaign: Campaign, node: Node, flow: Flow | None) -> Iterator[Problem]:
    if not campaign.list_path.is_file():
        yield _mark(node, "list", "file").problem(f"there is no file {campaign.list_path}")
        return
    try:
        header = read_header(campaign.list_path)
    except FileProblems as error:
        yield from error.problems
        return
    columns = campaign.settings.contacts.columns
    for field, (message, hint) in missing_columns(columns, header).items():
        yield _mark(node, "list", "columns", field).problem(message, hint)
    others = [column for column in header if column and column not in columns.mapped().values()]
    for name, wanted in flow.inputs.items() if flow else ():
        if wanted.required and name not in (*OFFERED, *others):
            hint = did_you_mean(name, others) or f"there are {one_of([*OFFERED, *others]).removeprefix('one of ')}"
            yield _mark(node, "flow").problem(f'the flow needs "{name}", and the list has no such column', hint)


def _mark(node: Node, *keys: str) -> Mark:
    for key in keys:
        inner = node.get(key) if isinstance(node, MappingNode) else None
        if inner is None:
            break
        node = inner
    return node.mark
