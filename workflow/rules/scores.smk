"""Class scores along the most curved and the flattest directions (section 4.1).

Needs: a network, its data set, the curvature.
Gives: results/{experiment}/scores/{kind}.csv, what the movement does to all images together; {kind}-form.csv, how
symmetric, monotonic and separable the curves are; {kind}-curves.csv, the curves of one class; and pictures.
"""


rule measure_scores:
    """Follow the class scores of many images along the first direction of each class."""
    input:
        dataset=stages.dataset_of,
        network="results/{experiment}/network.safetensors",
        curvature=stages.shards_of("curvature"),
    output:
        **noted_outputs(
            population="results/{experiment}/scores/{kind}.csv",
            form="results/{experiment}/scores/{kind}-form.csv",
            curves="results/{experiment}/scores/{kind}-curves.csv",
            pictures="results/{experiment}/scores/{kind}.zarr.zip",
        ),
    log:
        "results/logs/measure_scores/{experiment}-{kind}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(6),
        runtime=stages.hours(2),
    params:
        code=stages.code_of("measure_scores"),
        settings=stages.settings("scores"),
    script:
        "../scripts/measure_scores.py"
