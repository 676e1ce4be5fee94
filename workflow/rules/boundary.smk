"""Points on the boundary of each class (algorithm 1).

Needs: a network and its data set.
Gives: results/{experiment}/boundary/shard-{shard}.zarr.zip, the boundary points of every `curvature.shards`-th target
class, with their sources, rivals and margins, and the status of each attack.
"""


rule find_boundary:
    """Bring images to the boundary of each target class by DeepFool."""
    input:
        code=code_of("find_boundary"),
        dataset=dataset_of,
        network="results/{experiment}/network.safetensors",
    output:
        boundary="results/{experiment}/boundary/shard-{shard}.zarr.zip",
    log:
        "results/logs/find_boundary/{experiment}-{shard}.log",
    benchmark:
        "results/logs/find_boundary/{experiment}-{shard}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["threads"]
    resources:
        gpu=1,
        mem=gigabytes(6, 1),
        runtime=hours(4),
    params:
        settings=boundary_settings,
    script:
        "../scripts/find_boundary.py"
