"""Adversarial perturbations of the images.

Needs: a network and its data set.
Gives: results/{experiment}/perturbations/{attack}.zarr.zip, with the status of each attack.
"""


rule perturb_images:
    """Attack the images of an experiment."""
    input:
        code=code_of("perturb_images"),
        dataset=dataset_of,
        network="results/{experiment}/network.safetensors",
    output:
        perturbations="results/{experiment}/perturbations/{attack}.zarr.zip",
    params:
        settings=settings("perturbations"),
    log:
        "results/logs/perturb_images/{experiment}-{attack}.log",
    benchmark:
        "results/logs/perturb_images/{experiment}-{attack}.tsv"
    threads: 4
    resources:
        gpu=1,
        mem="8GB",
        runtime="4h",
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/perturb_images.py"
