"""Principal directions and curvatures of the class boundaries (algorithm 1).

Needs: a network and its data set.
Gives: results/{experiment}/curvature/shard-{shard}.zarr.zip, the eigenpairs of the mean Hessian of every
`curvature.shards`-th target class, each with its quality record.
"""


rule decompose_curvature:
    """Bring images to the boundary of each target class and decompose the mean Hessian of the margin there."""
    input:
        code=code_of("decompose_curvature"),
        dataset=dataset_of,
        network="results/{experiment}/network.safetensors",
    output:
        curvature="results/{experiment}/curvature/shard-{shard}.zarr.zip",
    log:
        "results/logs/decompose_curvature/{experiment}-{shard}.log",
    benchmark:
        "results/logs/decompose_curvature/{experiment}-{shard}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 4
    resources:
        gpu=1,
        mem=gigabytes(6, 8),
        runtime=hours(8),
    params:
        settings=settings("curvature", "perturbations.deepfool"),
    script:
        "../scripts/decompose_curvature.py"
