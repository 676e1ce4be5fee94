"""Accuracy on images projected onto the prefixes of a basis (section 4.2).

Needs: a network, its data set, any basis.
Gives: results/{experiment}/accuracy/{basis}.csv, the accuracy at each rank on the images that trained the network
(in-sample) and, with 95 % intervals, on measured images; {basis}.zarr.zip, which images are classified correctly.
"""


rule measure_accuracy:
    """Classify the images projected onto the first columns of a basis, for each rank of a grid."""
    input:
        dataset=stages.dataset_of,
        network="results/{experiment}/network.safetensors",
        basis="results/{experiment}/bases/{basis}.zarr.zip",
    output:
        **noted_outputs(
            accuracy="results/{experiment}/accuracy/{basis}.csv",
            images="results/{experiment}/accuracy/{basis}.zarr.zip",
        ),
    log:
        "results/logs/measure_accuracy/{experiment}-{basis}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(4, 2),
        runtime=stages.hours(2),
    params:
        code=stages.code_of("measure_accuracy"),
        settings=stages.settings("accuracy", "boundary.classes"),
    script:
        "../scripts/measure_accuracy.py"
