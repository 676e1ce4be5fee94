"""What made the results: settings, code, versions, machine.

Needs: the numbers of the figures and tables, and the records that every result carries.
Gives: results/provenance.json, and as a table for the report, without the settings, results/provenance.html.
"""


localrules:
    check,
    provenance,
    sum_up_provenance,


rule sum_up_provenance:
    """Say of each result on the way to the figures what made it."""
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
    script:
        "../scripts/sum_up_provenance.py"


rule provenance:
    """What made every result on the way to the figures."""
    input:
        "results/provenance.json",


rule check:
    """Compare the figures' numbers, and every result on the way to them, with what was written."""
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
