"""The inputs and outputs of each page."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from engine.figures import Figures
from engine.kinds import legend
from engine.sections import experiment_settings
from engine.stages import code_of_kind, file_digest, spelled_out
from friendlyfire.declarations import Kind, declared
from friendlyfire.records.seeds import repetition_of


class Pages:
    """Functions of a page's name, for the directives of its rule.

    Args:
        config: the checked configuration.
        figures: the figures of the suite.
    """

    def __init__(self, config: Mapping[str, Any], figures: Figures):
        self.config, self.figures = config, figures
        #: The declared pages, by name.
        self.kinds: dict[str, Kind] = declared("pages")

    def section(self, experiment: str) -> dict[str, Any]:
        """Return the section ``pages`` of an experiment."""
        return experiment_settings(self.config, experiment, "pages")

    def read_by(self, name: str):
        """Input: the results that a page reads, by the words of its declaration."""
        kind = self.kinds[name]

        def of_job(wildcards):
            section = self.section(wildcards.experiment)
            bases = [basis for key in kind.get("bases", ()) for basis in section[key]]
            shown = [wildcards.experiment, *(other for key in kind.get("beside", ()) for other in section[key])]
            return {
                word: spelled_out([f"results/{pattern}"], basis=bases, experiment=shown)
                for word, pattern in kind["reads"].items()
                if self._exists(pattern)
            }

        return of_job

    def _exists(self, pattern: str) -> bool:
        """Whether a result exists in this suite: a figure may have no experiment."""
        folder, _, file = pattern.partition("/")
        figure = re.split(r"[-.]", file)[0]
        return folder != "figures" or bool(self.figures.experiments_with(figure))

    def path(self, name: str) -> str:
        """Output: the file of a page, with a wildcard for its experiment."""
        return f"results/{self.kinds[name]['folder']}/{{experiment}}.html"

    def files(self, name: str) -> list[str]:
        """Input: a page of each of the suite's experiments, of its first repetition."""
        first = {repetition_of(one)[0]: one for one in reversed(self.figures.experiments)}
        return [self.path(name).format(experiment=one) for one in reversed(first.values())]

    def code_of(self, name: str):
        """Return digests of a page's function and declaration, of its template, and of the legend."""

        def of_job(wildcards):
            kind = self.kinds[name]
            files = sorted((self.figures.folder / "friendlyfire" / "pages").glob(f"{name}.[!p]*"))
            shown = hashlib.sha256(repr(sorted(legend(self.config).items())).encode()).hexdigest()
            return [*code_of_kind(kind, self.figures.folder), *map(file_digest, files), shown]

        return of_job

    def settings(self, name: str):
        """Params: what a page reads directly from the configuration."""

        def of_job(wildcards):
            section = self.section(wildcards.experiment)
            return {"seed": self.config["seed"], "pages": {key: section[key] for key in self.kinds[name]["options"]}}

        return of_job

    def place(self, name: str) -> dict[str, Any]:
        """Return the arguments of ``report``: the section of a page, and its labels."""
        kind = self.kinds[name]

        def labels(wildcards):
            name = wildcards.experiment
            network = experiment_settings(self.config, name, "networks")["architecture"]
            return {"figure": kind["title"], "shows": "page", "experiment": name, "network": network}

        return {"category": kind["section"], "labels": labels}
