"""Common parts of the rules: the checked configuration, and functions for directives. No rule."""

import os
import shutil
import sys

import yaml

from engine.figures import Figures
from engine.kinds import attacks_of_images, legend
from engine.pages import Pages
from engine.provenance import note_of
from engine.request import with_request
from engine.repetitions import with_repetitions
from engine.schema import with_defaults, with_stages
from engine.settings import check_config, typed
from engine.stages import Stages
from friendlyfire.records.errors import ConfigError

WORKFLOW = ROOT / "workflow"
STYLE = os.path.relpath(WORKFLOW / "friendlyfire" / "figures" / "style.mplstyle")

shipped, schema = (
    yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / "config.yaml", WORKFLOW / "schemas" / "config.schema.yaml")
)
try:
    given = with_request(typed(config), shipped)
    config.clear()
    config.update(typed(with_defaults(given, shipped)))
    check_config(config, with_stages(schema))
    config.update(with_repetitions(config))
except ConfigError as error:
    sys.exit(str(error))  # an exception would add lines of Snakemake below it

if workflow.modifier.path_modifier.replace_prefix("results/") != "results/":
    sys.exit(
        "module: prefix and replace_prefix cannot be used, because provenance notes name results by their path below "
        "results; set --directory for results elsewhere"
    )

stages, figures = Stages(config, WORKFLOW), Figures(config, WORKFLOW)
pages = Pages(config, figures)


wildcard_constraints:
    experiment="|".join(config["experiments"]),
    dataset="|".join(config["datasets"]),
    attack="|".join([*attacks_of_images(config), r"foolbox-\w+"]),
    basis="(?:" + "|".join(legend(config)) + r")(?:-\d+px)?",
    shard=r"\d+",
    kind="positive|negative|flat|random",
    theirs="|".join(config["experiments"]),


# Use all cores by default; on a cluster, the cores of this machine do not matter.
if workflow.resource_settings.cores is None and workflow.resource_settings.nodes is None:
    workflow.global_resources["_cores"] = workflow.resource_settings.cores = os.cpu_count()

#: GPUs per job with a network: none without a GPU, so that such jobs run in parallel.
GPU = int(config["device"] == "cuda" or (config["device"] == "auto" and shutil.which("nvidia-smi") is not None))

# Waiting threads release their core, because other jobs may need it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def noted_outputs(**files):
    """Output: results, and for each result its provenance note, which is kept even if the result is temporary."""
    return {**files, **{f"{name}_note": str(note_of(path)) for name, path in files.items()}}


def one_of(names):
    """Return a regular expression that matches exactly these names."""
    return "|".join(names) or "(?!)"


def reported(figure, path, shows):
    """Output: a picture or table of a figure, with its caption and place in the report."""
    return report(path, caption="../report/written.rst", **figures.place(figure, shows))
