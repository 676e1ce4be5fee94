"""Attacks confined to the subspaces that classify, or to the others (section 4.3, figure 5).

Needs: a network, its data set, any basis.
Gives: results/{experiment}/confinement/{basis}.csv, mean norms and success rates at each rank, and pictures of some.
"""


rule measure_confinement:
    """Attack the network within the first columns of a basis, for each rank of a grid."""
    input:
        dataset=stages.dataset_of,
        network="results/{experiment}/network.safetensors",
        basis="results/{experiment}/bases/{basis}.zarr.zip",
    output:
        **noted_outputs(
            confinement="results/{experiment}/confinement/{basis}.csv",
            pictures="results/{experiment}/confinement/{basis}.zarr.zip",
        ),
    log:
        "results/logs/measure_confinement/{experiment}-{basis}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(6, 2),
        runtime=stages.hours(4),
    params:
        code=stages.code_of("measure_confinement"),
        settings=stages.settings("confinement", "perturbations.deepfool"),
    script:
        "../scripts/measure_confinement.py"
