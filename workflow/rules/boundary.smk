"""Points on the boundary of each class (algorithm 1).

Needs: a network and its data set.
Gives: results/{experiment}/boundary/shard-{shard}.zarr.zip, the boundary points of every `curvature.shards`-th target
class, with their sources, rivals and margins, and the status of each attack.
"""


rule find_boundary:
    """Move images to the boundary of each target class by DeepFool."""
    input:
        dataset=stages.dataset_of,
        network="results/{experiment}/network.safetensors",
    output:
        **noted_outputs(boundary="results/{experiment}/boundary/shard-{shard}.zarr.zip"),
    log:
        "results/logs/find_boundary/{experiment}-{shard}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(6, 1),
        runtime=stages.hours(4),
    params:
        code=stages.code_of("find_boundary"),
        settings=stages.boundary_settings,
    script:
        "../scripts/find_boundary.py"
