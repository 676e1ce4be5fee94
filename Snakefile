"""Friendly Fire: the directions a classifier classifies with are the directions along which it is fooled."""

import os
import sys


# The folder of this file, also if another Snakefile uses it as a module.
include: "workflow/rules/root.smk"


# Also for the scripts: the library, and the user's own modules in the working directory.
sys.path[:0] = [str(ROOT / "workflow"), os.getcwd()]

from engine import ending, warm


# A limit on GPUs applies per machine: the limit of this machine's profile does not restrict a cluster.
resource_scopes:
    gpu="local",


report: "workflow/report/workflow.rst"


include: f"{ROOT}/workflow/rules/common.smk"


# In the order of the paper.
STAGES = "datasets networks perturbations boundary curvature bases measures claims figures pages provenance"

for stage in STAGES.split():

    include: f"{ROOT}/workflow/rules/{stage}.smk"


# A dry run does not start.
if {"-n", "--dry-run", "--dryrun"} & set(sys.argv):
    ending.tell_request(config)


onstart:
    ending.check_writable("results")
    ending.forget_faults()
    ending.tell_request(config)
    warm.start()


onerror:
    ending.tell(ending.how_to_go_on())


onsuccess:
    ending.forget_checkpoints()
    ending.tell(ending.where_to_look())


rule all:
    """Every figure of the suite, and its pages."""
    default_target: True
    input:
        [path for name in figures.targets for path in figures.files(name)],
        [path for name in pages.kinds for path in pages.files(name)],
        "results/provenance.json",
    localrule: True
    message:
        f"Every figure of the suite {config['suite']}"
