"""The references of the other files that people write: configuration, campaigns, people of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

from bot.campaigns.model import OFFERED, CampaignFile
from bot.config import ENVIRONMENT, Config
from bot.sandbox.people.model import Person
from bot.sandbox.people.steps import ACTIONS, HearArgs
from tools.reference.words import (
    DURATIONS_TEXT,
    codes,
    default_words,
    field_table,
    first_sentence,
    models_in,
    page,
    sections,
    table,
)

# The other pages


def configuration() -> str:
    environment = table(
        ("variable", "setting"), ((f"`{name}`", f"`ringcentral.{key}`") for name, key in ENVIRONMENT.items())
    )
    return page(
        "Configuration",
        "One YAML file: `bot run --config FILE`; without `--config`, `config.example.yaml` in the current folder. "
        + first_sentence((Config.__doc__ or "").partition(". ")[2])
        + " [How text is read](flow-reference.md#how-text-is-read) is the same everywhere.",
        "## All settings",
        field_table(Config),
        *sections(Config),
        "## Environment variables",
        "They win over the file.",
        environment,
        "With `account: ringcentral`, the client id, the client secret and a JWT are needed, from either place; the\n"
        "JWT not when every phone has its own. With `account: sandbox` none of them is used, and every phone needs\n"
        "an `extension` that the sandbox has: 101 to 110.",
    )


def campaign_reference() -> str:
    return page(
        "Campaign reference",
        "A campaign is one YAML file in the folder of campaigns. [Campaigns](campaigns.md) tells how the dialler\n"
        "decides.",
        "## The keys of a campaign",
        field_table(CampaignFile),
        *sections(CampaignFile),
        "## What the flow is given",
        f"The flow's inputs are filled by name: {codes(OFFERED)}, and every column of the list that\n"
        "`list.columns` does not name. A flow that needs an input for which there is no column is an error when the\n"
        "files are read.",
        DURATIONS_TEXT + " `never` as a delay means: not again.",
    )


def people_reference() -> str:
    return page(
        "People reference",
        "A person of the sandbox is one YAML file. [Sandbox](sandbox.md) tells how to load a folder of them.",
        "## The keys of a person",
        field_table(Person, {"when_called": "text", "then": "steps"}),
        *sections_of_scripts(),
        "`when_called` is `answer`, `answer after 2s`, `rings_out`, `busy`, or `invalid`: the number is not in\n"
        "service.",
        "## Steps",
        "As in a flow, a step has one action, whose value is its main argument or a mapping. `name` labels a step.\n"
        "Steps that wait have `within`. Who has done all steps of a script hangs up; who was called stays, silent,\n"
        "until the other side hangs up.",
        *map(step_section, ACTIONS),
        "### What `hear` can hear",
        first_sentence(HearArgs.__doc__ or ""),
        field_table(HearArgs),
        "Words are compared by sound with what the speech engine makes of them: what another voice or another\n"
        "engine says is not recognised; `speech` is.",
        "A length of time is `2s`, `500ms`, `1m 30s`, or a number of seconds; 24 hours at most.",
    )


def sections_of_scripts() -> Iterator[str]:
    part = models_in(Person.model_fields["scripts"].annotation)[0]
    yield f"### `scripts` (by name)\n\n{first_sentence(part.__doc__ or '')}"
    yield field_table(part, {"do": "steps"})


def step_section(name: str) -> str:
    model = ACTIONS[name]
    parts = [f"### `{name}`", first_sentence(model.__doc__ or "")]
    own = model.model_fields[name]
    arguments = models_in(own.annotation)
    if arguments and own.description is None and name != "hear":
        parts.append(field_table(arguments[0]))
    elif own.description:
        parts.append(f"Value: {own.description}.")
    within = model.model_fields.get("within")
    if within is not None:
        parts.append(f"`within`: {within.description}; {default_words(within)} by default.")
    return "\n\n".join(parts)
