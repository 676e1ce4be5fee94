"""Provenance of the results: settings, code, versions, machine.

Needs: the numbers of the figures and tables, and the provenance note of every result; for the crate, the figures and
pages too.
Gives: results/provenance.json, and a table without the settings for the report, results/provenance.html. The whole run
as an RO-Crate, results/crate, and as one file, results/crate.zip.
"""


localrules:
    check,
    cost,
    crate,
    provenance,
    sum_up_provenance,
    write_crate,


rule sum_up_provenance:
    """Write the provenance of each result behind the figures."""
    input:
        results=figures.numbers(),
    output:
        **noted_outputs(
            json="results/provenance.json",
            html=report(
                "results/provenance.html", caption="../report/provenance.rst", **figures.place("provenance", "table")
            ),
        ),
    log:
        "results/logs/sum_up_provenance/provenance.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("sum_up_provenance"),
        seed={"seed": config["seed"]},
    message:
        "sum_up_provenance: what made the results"
    script:
        "../scripts/sum_up_provenance.py"


rule provenance:
    """Provenance of every result behind the figures."""
    input:
        "results/provenance.json",


rule write_crate:
    """Write the figures, tables and pages, with the workflow and every job behind them, as an RO-Crate."""
    input:
        results=[
            *(path for name in figures.targets for path in figures.files(name)),
            *(path for name in pages.kinds for path in pages.files(name)),
            "results/provenance.json",
        ],
    output:
        **noted_outputs(
            metadata="results/crate/ro-crate-metadata.json",
            archive="results/crate.zip",
        ),
    log:
        "results/logs/write_crate/crate.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("write_crate"),
        seed={"seed": config["seed"]},
    script:
        "../scripts/write_crate.py"


rule crate:
    """The run as an RO-Crate, to publish and to cite."""
    input:
        "results/crate.zip",


rule check:
    """Check that the figures' numbers, and every result behind them, are unchanged since they were written."""
    input:
        results=[*figures.numbers(), "results/provenance.json"],
    log:
        "results/logs/check/results.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("check"),
    script:
        "../scripts/check.py"


rule cost:
    """Hours that the suite takes, estimated from counted work and the speed of one batch on this machine."""
    log:
        "results/logs/cost/suite.log",
    conda:
        "../../envs/torch.yaml"
    threads: config["threads"]
    params:
        code=stages.code_of("estimate_cost"),
    script:
        "../scripts/estimate_cost.py"
