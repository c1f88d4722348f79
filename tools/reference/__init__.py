"""Writes the reference pages of `docs/` from the models that the product reads files with: `make docs`.

What a page says about a key stands in its model (`Field(description=…)`), where the errors of the loader find it too.
Here is only what no model knows: the order of the sections, and the sentences between the tables.
"""

from collections.abc import Callable, Mapping

from tools.reference.files import campaign_reference, configuration, people_reference
from tools.reference.flows import flow_reference

__all__ = ["PAGES"]

PAGES: Mapping[str, Callable[[], str]] = {
    "flow-reference.md": flow_reference,
    "configuration.md": configuration,
    "campaign-reference.md": campaign_reference,
    "people-reference.md": people_reference,
}
"""The generated pages of `docs/`, by file name."""
