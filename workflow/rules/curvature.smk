"""Principal directions and curvatures of the class boundaries (algorithm 1).

Needs: a network and its boundary points.
Gives: results/{experiment}/curvature/shard-{shard}.zarr.zip, the eigenpairs of the mean Hessian of every
`curvature.shards`-th target class, each with its quality record.
"""


rule decompose_curvature:
    """Decompose the mean Hessian of the margin at the boundary points of each target class."""
    input:
        network="results/{experiment}/network.safetensors",
        boundary="results/{experiment}/boundary/shard-{shard}.zarr.zip",
    output:
        **noted_outputs(curvature="results/{experiment}/curvature/shard-{shard}.zarr.zip"),
    log:
        "results/logs/decompose_curvature/{experiment}-{shard}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(6, 8),
        runtime=stages.hours(8),
    params:
        code=stages.code_of("decompose_curvature"),
        settings=stages.curvature_settings,
    script:
        "../scripts/decompose_curvature.py"
