"""The inputs of each figure, its experiments, and its place in the report."""

import hashlib
from collections.abc import Mapping
from typing import Any

from engine.kinds import PAGE, RESAMPLED, attack_labels, legend
from engine.repetitions import compared
from engine.sections import experiment_settings, is_trained
from engine.settings import suite_experiments
from engine.stages import code_of_kind, file_digest, spelled_out
from engine.twins import originals
from friendlyfire.declarations import Kind, declared
from friendlyfire.figures import file_of
from friendlyfire.records.seeds import repetition_of

#: Title in the report, and section of the paper, of each table that does not belong to a figure.
TABLES = {
    "quality": {"title": "Quality of the curvature", "section": "3 Curvature"},
    "table1": {"title": "Table 1", "section": "4.4 Compression"},
    "provenance": {"title": "Provenance of the results", "section": "Provenance"},
}

#: Template of the page of an interactive figure.
TEMPLATE = "friendlyfire/figures/standalone.html"


class Figures:
    """Functions of a figure's name, for the directives of its rule.

    Args:
        config: the checked configuration.
        folder: the folder of the workflow's rules, scripts and library.
    """

    def __init__(self, config: Mapping[str, Any], folder: Any):
        self.config, self.folder = config, folder
        #: Names of the suite's experiments.
        self.experiments = suite_experiments(config)
        #: The declared figures by name, in the order of the paper.
        self.kinds = dict(sorted(declared("figures").items(), key=lambda item: (item[1]["section"], item[0])))

    def _section(self, experiment: str) -> dict[str, Any]:
        """Return the section ``figures`` of an experiment."""
        return experiment_settings(self.config, experiment, "figures")

    def bases_of(self, kind: Kind, experiment: str) -> list[str]:
        """Return the bases of an experiment that a figure shows."""
        section = self._section(experiment)
        found = dict.fromkeys(basis for key in kind.get("bases", ()) for basis in section[key])
        return [basis for basis in found if basis in kind.get("of_these", found)]

    def experiments_with(self, name: str) -> list[str]:
        """Return the suite's experiments that have a panel in a figure, or a row in a table."""
        if name in TABLES:
            return self.experiments
        experiments = self.experiments
        if self.kinds[name].get("experiments") == "twins":
            pairs = [(original, twin) for twin, original in originals(self.config).items()]
            experiments = dict.fromkeys(one for pair in pairs for one in pair)
        found = [experiment for experiment in experiments if self._shows(name, experiment)]
        different = {repetition_of(experiment)[0] for experiment in found}
        return found if len(different) >= self.kinds[name].get("least", 1) else []

    def _shows(self, name: str, experiment: str) -> bool:
        kind = self.kinds[name]
        if any("{theirs}" in pattern for pattern in kind["reads"].values()):
            return len(compared(self.config, experiment)) > 1
        if kind.get("experiments") == "trained":
            return is_trained(self.config, experiment)
        if kind.get("experiments") not in (None, "twins"):
            stage, _, key = kind["experiments"].partition(".")
            return bool(experiment_settings(self.config, experiment, stage)[key])
        if "kinds" in kind:
            return set(kind["kinds"]) <= set(self._section(experiment)["scores"])
        bases = self.bases_of(kind, experiment)
        return kind["needs"] in bases if "needs" in kind else bool(bases) or "bases" not in kind

    @property
    def targets(self) -> list[str]:
        """Names of all figures and tables that can be requested."""
        return [*self.kinds, "table1"]

    def files(self, name: str) -> list[str]:
        """Return the input of a target: a figure as PDF, PNG, plotted table and page, or a table in each format.

        The list is empty if no experiment is in the figure.
        """
        if name == "table1":
            return [f"results/tables/{name}.{kind}" for kind in ("csv", "md", "tex", "html")]
        kinds = ["pdf", "png", "csv", *(["html"] if self.page_of(name) else [])]
        return [f"results/figures/{name}.{kind}" for kind in kinds] if self.experiments_with(name) else []

    def said(self, name: str) -> str:
        """Message of a target: where its files are, or why there are none; Snakemake fills in what stands in braces."""
        files, lacks = self.files(name), self.kinds.get(name, {}).get("lacks", "").translate({123: "{{", 125: "}}"})
        none = "no experiment of the suite has a panel in it" + (f"; {lacks}" if lacks else "")
        return f"{name}: {' '.join(files) or none}"

    def numbers(self) -> list[str]:
        """Input: the numbers of the suite's figures and of its table."""
        return [path for name in self.targets for path in self.files(name) if path.endswith(".csv")]

    def read_by(self, name: str) -> dict[str, list[str]]:
        """Input: the files that a figure reads, experiment by experiment."""
        kind = self.kinds[name]
        words = {
            one: {
                "basis": self.bases_of(kind, one),
                "kind": kind.get("kinds", ()),
                "theirs": compared(self.config, one),
            }
            for one in self.experiments_with(name)
        }
        return {
            word: [
                path
                for experiment, mine in words.items()
                for path in spelled_out([f"results/{experiment}/{pattern}"], **mine)
            ]
            for word, pattern in kind["reads"].items()
        }

    def network_tables(self, name: str) -> list[str]:
        """Input: the accuracies of a figure's networks, for its caption."""
        return [f"results/{experiment}/network.csv" for experiment in self.experiments_with(name)]

    def tables_of(self, name: str) -> dict[str, str]:
        """Output: the paths of a figure's tables, by name."""
        return {table: f"results/figures/{file_of(name, table)}" for table in self.kinds[name]["tables"]}

    def pictures_of(self, name: str) -> dict[str, str]:
        """Output: the path of the store of a figure's pictures, if it shows any."""
        return {"pictures": f"results/figures/{name}.zarr.zip"} if "pictures" in self.kinds[name] else {}

    def page_of(self, name: str) -> dict[str, str]:
        """Output: the path of a figure's interactive version, if it declares one."""
        return {"page": f"results/figures/{name}.html"} if "hover" in self.kinds[name] else {}

    def place(self, name: str, shows: str) -> dict[str, Any]:
        """Return the arguments of ``report``: the section of a figure, and labels with its experiments and networks."""
        about = {**TABLES, **self.kinds}[name]

        def labels(wildcards):
            one = wildcards.get("experiment")
            experiments = [one] if one else self.experiments_with(name)
            networks = [experiment_settings(self.config, name, "networks")["architecture"] for name in experiments]
            return {
                "figure": about["title"],
                "shows": shows,
                "experiment": ", ".join(experiments),
                "network": ", ".join(dict.fromkeys(networks)),
            }

        return {"category": about["section"], "labels": labels}

    def code_of(self, name: str):
        """Return digests of a figure's functions, of its declaration, and of the legend entries that it shows."""
        kind = self.kinds[name]

        def of_job(wildcards):
            shown = {basis for one in self.experiments for basis in self.bases_of(kind, one)}
            bases = {RESAMPLED.sub(r"\g<basis>", basis) for basis in shown}
            entries = sorted((basis, *entry.values()) for basis, entry in legend(self.config).items() if basis in bases)
            used = {"claims": declared("claims"), "attacks": attack_labels(self.config)}
            used["twins"] = originals(self.config)
            words = [entries, *(used[noun] for noun in kind.get("uses", ()))]
            readers = [kind["draw"], *([kind["hover"], PAGE] if "hover" in kind else [])]
            template = [file_digest(self.folder / TEMPLATE)] if "hover" in kind else []
            shown = hashlib.sha256(repr(words).encode()).hexdigest()
            return [*code_of_kind(kind, self.folder, *readers), *template, shown]

        return of_job

    def settings(self):
        """Params: the settings that every figure reads directly from the configuration."""
        return {"seed": self.config["seed"]}
