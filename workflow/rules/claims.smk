"""Verdicts on the paper's claims, each a number with a bound that was fixed beforehand.

Needs: whatever the claims, declared in friendlyfire/claims, read of an experiment.
Gives: results/{experiment}/claims.csv, the estimates with 95 % intervals over images; claims.zarr.zip, their bootstrap
draws. The scorecard joins the repetitions of each experiment, and judges.
"""


rule measure_claims:
    """Estimate each claim of an experiment, with bootstrap draws over its images."""
    input:
        results=stages.read_by_claims,
        dataset=stages.dataset_of,
        quality=stages.quality_of_claims,
        original=stages.read_of_original,
        networks=stages.networks_of_claims,
    output:
        **noted_outputs(
            claims="results/{experiment}/claims.csv",
            draws="results/{experiment}/claims.zarr.zip",
        ),
    log:
        "results/logs/measure_claims/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem=stages.gigabytes(6),
        runtime=stages.hours(1),
    params:
        code=stages.code_of("measure_claims", stages.claim_code),
        settings=stages.settings("claims"),
    script:
        "../scripts/measure_claims.py"


rule claims:
    """Verdicts on all claims, as a table."""
    input:
        "results/figures/scorecard.csv",
    localrule: True
