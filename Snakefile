"""Friendly Fire: the directions a classifier classifies with are the directions along which it is fooled."""

import os
import sys
from pathlib import Path

# Of this file, not of another Snakefile that uses it as a module.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))

# Of the scripts too: the library, and the user's own modules in the working directory.
sys.path[:0] = [str(ROOT / "workflow"), os.getcwd()]

from engine import ending, warm

# As many cores as there are, unless it is said; a cluster's are not this machine's.
if workflow.resource_settings.cores is None and workflow.resource_settings.nodes is None:
    workflow.global_resources["_cores"] = workflow.resource_settings.cores = os.cpu_count()


# A limit on GPUs is one of each machine: what a profile sets for this one does not hold back the cluster.
resource_scopes:
    gpu="local",


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


# In the order of the paper.
for stage in "datasets networks perturbations boundary curvature bases measures figures provenance".split():

    include: f"workflow/rules/{stage}.smk"


onstart:
    ending.check_writable("results")
    ending.forget_faults()
    warm.start()


onerror:
    ending.tell(ending.how_to_go_on())


onsuccess:
    ending.forget_checkpoints()
    ending.tell(ending.where_to_look())


rule all:
    """Every figure of the suite."""
    default_target: True
    input:
        [path for name in figures.targets for path in figures.files(name)],
        "results/provenance.json",
    localrule: True
