"""A network behind a unit that samples its images down and up again (section 4.4, table 1).

Needs: a network, its data set, and the singular vectors of the perturbations that the unit passes.
Gives: results/{experiment}/resampling/transfer.csv, accuracy and fooling rates of rescaled perturbations, and
attacks.csv, what other attacks reach behind the unit.
"""


rule measure_resampling:
    """Measure accuracy, norms and fooling rates behind the unit, for each size it samples down to."""
    input:
        dataset=stages.dataset_of,
        network="results/{experiment}/network.safetensors",
        bases=stages.resampled_bases,
    output:
        **noted_outputs(
            transfer="results/{experiment}/resampling/transfer.csv",
            attacks="results/{experiment}/resampling/attacks.csv",
        ),
    log:
        "results/logs/measure_resampling/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(6, 6),
        runtime=stages.hours(4),
    params:
        code=stages.code_of("measure_resampling"),
        settings=stages.settings("resampling", "perturbations.deepfool"),
    script:
        "../scripts/measure_resampling.py"
