"""What each figure is made from, which experiments are in it, and where it stands in the report."""

import hashlib
from collections.abc import Mapping
from typing import Any

from snakemake.io import expand

from engine.kinds import RESAMPLED, legend
from engine.sections import experiment_settings, is_trained
from engine.settings import suite_experiments

#: The kinds of directions that the figures of section 4.1 show.
SCORE_KINDS = {"fig1": ("positive", "negative"), "fig2": ("positive",), "figS1": ("negative",), "figS2": ("flat",)}

#: What the report calls each figure and table, and the section of the paper that it stands under.
IN_REPORT = {
    "training": ("Learning curves", "Networks"),
    "quality": ("Quality of the curvature", "3 Curvature"),
    "spectrum": ("Spectra", "3 Curvature"),
    "fig1": ("Figure 1", "4.1 Class identity along directions"),
    "fig2": ("Figure 2", "4.1 Class identity along directions"),
    "figS1": ("Figure S1", "4.1 Class identity along directions"),
    "figS2": ("Figure S2", "4.1 Class identity along directions"),
    "fig3": ("Figure 3", "4.2 Accuracy and dimensionality"),
    "fig4": ("Figure 4", "4.3 Classification and attack"),
    "fig5": ("Figure 5", "4.3 Classification and attack"),
    "coupling": ("Coupling", "4.3 Classification and attack"),
    "table1": ("Table 1", "4.4 Compression"),
    "provenance": ("What made the results", "Provenance"),
}


class Figures:
    """Functions of the name of a figure, or of a job's wildcards, for the directives of its rule.

    Args:
        config: checked.
    """

    def __init__(self, config: Mapping[str, Any]):
        self.config = config
        #: Names of the experiments of the suite.
        self.experiments = suite_experiments(config)

    def _section(self, experiment: str) -> dict[str, Any]:
        """Which figures an experiment is in, with what."""
        return experiment_settings(self.config, experiment, "figures")

    def experiments_with(self, figure):
        """Experiments of the suite that have a panel in ``figure``."""
        if figure in ("table1", "provenance"):
            return self.experiments
        if figure == "training":
            return [name for name in self.experiments if is_trained(self.config, name)]
        sections = {name: self._section(name) for name in self.experiments}
        if figure in SCORE_KINDS:
            return [name for name in self.experiments if set(SCORE_KINDS[figure]) <= set(sections[name]["scores"])]
        if figure == "coupling":
            return [name for name in self.experiments if "deepfool-high" in sections[name]["fig4"]]
        return [name for name in self.experiments if sections[name][figure]]

    @property
    def targets(self) -> list[str]:
        """Names of all figures and tables that can be asked for."""
        return [name for name in IN_REPORT if name not in ("quality", "provenance")]

    def files(self, name: str) -> list[str]:
        """Input of a target: a figure as PDF, as picture, and the table plotted; a table in each of its forms.

        Nothing if no experiment is in it.
        """
        if name == "table1":
            return [f"results/tables/{name}.{kind}" for kind in ("csv", "md", "tex", "html")]
        return (
            [f"results/figures/{name}.{kind}" for kind in ("pdf", "png", "csv")] if self.experiments_with(name) else []
        )

    def score_results(self, figure, name):
        """Input: results of the scores of the kinds that a figure shows, experiment by experiment."""
        return [
            f"results/{experiment}/scores/{name.format(kind=kind)}"
            for experiment in self.experiments_with(figure)
            for kind in SCORE_KINDS[figure]
        ]

    def scores_of(self, name):
        """Input: the same for the figure that a job makes."""

        def of_job(wildcards):
            return self.score_results(wildcards.figure, name)

        return of_job

    def numbers(self):
        """Input: the numbers of the suite's figures, and of its table."""
        return [path for name in self.targets for path in self.files(name) if path.endswith(".csv")]

    def place(self, figure, shows):
        """Arguments of ``report``: the section of a figure, and its labels with the experiments and networks in it."""

        def name_of(wildcards):
            return figure.format(**wildcards)

        def category(wildcards):
            return IN_REPORT[name_of(wildcards)][1]

        def labels(wildcards):
            experiments = (
                [wildcards.experiment]
                if "experiment" in wildcards.keys()  # noqa: SIM118
                else self.experiments_with(name_of(wildcards))
            )
            networks = [experiment_settings(self.config, name, "networks")["architecture"] for name in experiments]
            return {
                "figure": IN_REPORT[name_of(wildcards)][0],
                "shows": shows,
                "experiment": ", ".join(experiments),
                "network": ", ".join(dict.fromkeys(networks)),
            }

        return {"category": category, "labels": labels}

    def basis_results(self, folder, figure, kind="csv"):
        """Input: tables, or stores, of all bases of a figure, experiment by experiment."""
        return [
            f"results/{experiment}/{folder}/{basis}.{kind}"
            for experiment in self.experiments_with(figure)
            for basis in self._section(experiment)[figure]
        ]

    def accuracy_tables(self, wildcards):
        """Input: the accuracies that figures 3 and 4 show."""
        return self.basis_results("accuracy", wildcards.figure)

    def fraction_tables(self, wildcards):
        """Input: the norm fractions that stand below the accuracies of figure 3."""
        return self.basis_results("fractions", wildcards.figure) if wildcards.figure == "fig3" else []

    def coupled(self, folder, kind="csv"):
        """Input: accuracies or norm fractions of all bases of figures 3 and 4, as tables or as stores."""
        sections = {name: self._section(name) for name in self.experiments_with("coupling")}
        return [
            f"results/{experiment}/{folder}/{basis}.{kind}"
            for experiment, section in sections.items()
            for basis in dict.fromkeys(section["fig4"] + section["fig3"])
        ]

    def quality_tables(self, wildcards):
        """Input: the quality records that the caption of a figure of curvature quotes."""
        shown = [name for name in self.experiments_with(wildcards.figure) if name in self.experiments_with("spectrum")]
        return expand("results/{experiment}/quality.csv", experiment=shown if wildcards.figure == "fig3" else [])

    def network_tables(self, figure):
        """Input: the accuracies of the networks that a figure is of, for its caption."""
        return expand("results/{experiment}/network.csv", experiment=self.experiments_with(figure))

    def figure_networks(self, wildcards):
        """Input: the same for the figure that a job makes."""
        return self.network_tables(wildcards.figure)

    def legend_of(self, figure):
        """Digest of what the legend of a figure calls the bases that it shows, and of their colours."""

        def of_job(wildcards):
            shown = {"coupling": ("fig4", "fig3")}.get(name := wildcards.get("figure", figure), (name,))
            sections = [self._section(experiment) for experiment in self.experiments]
            bases = {basis for section in sections for key in shown for basis in section[key]}
            names = {RESAMPLED.sub(r"\g<basis>", basis) for basis in bases}
            entries = repr(
                sorted((name, *entry.values()) for name, entry in legend(self.config).items() if name in names)
            )
            return [hashlib.sha256(entries.encode()).hexdigest()]

        return of_job
