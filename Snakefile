"""Friendly Fire: the directions a classifier classifies with are the directions along which it is fooled."""

import os
import sys
from pathlib import Path

import yaml
from snakemake.utils import update_config

# Of this file, not of another Snakefile that uses it as a module.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))

# Of the scripts too: the library, and the user's own modules in the working directory.
sys.path[:0] = [str(ROOT / "workflow"), os.getcwd()]

from engine.kinds import declared_defaults

# What is given, on top of the numbers that come with the workflow.
defaults = declared_defaults()
update_config(defaults, yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
update_config(defaults, config)
config.update(defaults)

# As many cores as there are, unless it is said; a cluster's are not this machine's.
if workflow.resource_settings.cores is None and workflow.resource_settings.nodes is None:
    workflow.global_resources["_cores"] = workflow.resource_settings.cores = os.cpu_count()


# A limit on GPUs is one of each machine: what a profile sets for this one does not hold back the cluster.
resource_scopes:
    gpu="local",


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/perturbations.smk"
include: "workflow/rules/boundary.smk"
include: "workflow/rules/curvature.smk"
include: "workflow/rules/bases.smk"
include: "workflow/rules/accuracy.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/fractions.smk"
include: "workflow/rules/confinement.smk"
include: "workflow/rules/resampling.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/provenance.smk"


onstart:
    check_writable("results")
    forget_faults()


onerror:
    tell_end(how_to_go_on())


onsuccess:
    forget_checkpoints()
    tell_end(where_to_look())


localrules:
    all,
    fig1,
    fig2,
    figS1,
    figS2,
    fig3,
    fig4,
    fig5,
    coupling,
    table1,
    spectrum,
    training,
    provenance,


rule all:
    """Every figure of the suite."""
    default_target: True
    input:
        figure_files("fig1"),
        figure_files("fig2"),
        figure_files("figS1"),
        figure_files("figS2"),
        figure_files("fig3"),
        figure_files("fig4"),
        figure_files("fig5"),
        figure_files("coupling"),
        table_files("table1"),
        figure_files("spectrum"),
        figure_files("training"),
        "results/provenance.json",


rule fig1:
    """Figure 1: one class's score along the most positively and negatively curved directions, a curve an image."""
    input:
        figure_files("fig1"),


rule fig2:
    """Figure 2: what the most positively curved directions do to all images."""
    input:
        figure_files("fig2"),


rule figS1:
    """The same for the most negatively curved directions (supplement)."""
    input:
        figure_files("figS1"),


rule figS2:
    """The same for the flattest directions (supplement)."""
    input:
        figure_files("figS2"),


rule fig3:
    """Figure 3, top row: accuracy on images projected onto directions of high and low curvature."""
    input:
        figure_files("fig3"),


rule fig4:
    """Figure 4: accuracy on images projected onto the span of DeepFool perturbations."""
    input:
        figure_files("fig4"),


rule fig5:
    """Figure 5: norms of attacks confined to the span of DeepFool perturbations, beside the images' own."""
    input:
        figure_files("fig5"),


rule coupling:
    """Accuracy on the projected images against the attack's share inside, a line a basis."""
    input:
        figure_files("coupling"),


rule table1:
    """Table 1: accuracy and fooling rates behind a unit that samples images down and up."""
    input:
        table_files("table1"),


rule spectrum:
    """Eigenvalues of the mean Hessians, singular values of the perturbations."""
    input:
        figure_files("spectrum"),


rule training:
    """Learning curves of the networks that the suite trains."""
    input:
        figure_files("training"),


rule provenance:
    """What made every result on the way to the figures."""
    input:
        "results/provenance.json",
