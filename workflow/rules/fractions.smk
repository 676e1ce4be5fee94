"""How much of the perturbations lies in the subspaces that classify (section 4.3).

Needs: perturbations of several attacks, any basis.
Gives: results/{experiment}/fractions/{basis}.csv, the mean fraction of the norm at each rank with 95 % intervals;
{basis}.zarr.zip, the fraction of each perturbation.
"""


rule measure_fractions:
    """Project the perturbations of all attacks onto the first columns of a basis."""
    input:
        dataset=stages.dataset_of,
        basis="results/{experiment}/bases/{basis}.zarr.zip",
        perturbations=stages.perturbations_of,
    output:
        **noted_outputs(
            fractions="results/{experiment}/fractions/{basis}.csv",
            images="results/{experiment}/fractions/{basis}.zarr.zip",
        ),
    log:
        "results/logs/measure_fractions/{experiment}-{basis}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        mem=stages.gigabytes(4, 2),
        runtime=stages.hours(1),
    params:
        code=stages.code_of("measure_fractions"),
        settings=stages.settings("accuracy", "fractions", "boundary.classes"),
    script:
        "../scripts/measure_fractions.py"
