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

    def bases_of(self, name: str, experiment: str) -> list[str]:
        """Return the bases of an experiment that a page shows."""
        section = self.section(experiment)
        return list(dict.fromkeys(basis for key in self.kinds[name].get("bases", ()) for basis in section[key]))

    def read_by(self, name: str):
        """Input: the results that a page reads, by the words of its declaration."""
        kind = self.kinds[name]

        def of_job(wildcards):
            experiment, section = wildcards.experiment, self.section(wildcards.experiment)
            shown = [experiment, *(other for key in kind.get("beside", ()) for other in section[key])]
            kinds = experiment_settings(self.config, experiment, "figures")["scores"]
            words = {"basis": self.bases_of(name, experiment), "kind": kinds, "experiment": shown}
            return {
                word: spelled_out([f"results/{pattern}"], **words)
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
        """Input: a page of each of the suite's experiments, of its first repetition.

        An experiment has no page that is about bases if its lists of bases are empty.
        """
        first = {repetition_of(one)[0]: one for one in reversed(self.figures.experiments)}
        shown = [one for one in reversed(first.values()) if "bases" not in self.kinds[name] or self.bases_of(name, one)]
        return [self.path(name).format(experiment=one) for one in shown]

    def said(self, name: str) -> str:
        """Message of a target: where its pages are, or that there are none."""
        return f"{name}: {' '.join(self.files(name)) or 'no experiment of the suite has this page'}"

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
