"""Adversarial perturbations of the images.

Needs: a network and its data set.
Gives: results/{experiment}/perturbations/{attack}.zarr.zip, with the status of each attack.
"""


localrules:
    gather_perturbations,


rule perturb_images:
    """Attack one shard of the images of an experiment."""
    input:
        dataset=stages.dataset_of,
        network="results/{experiment}/network.safetensors",
    output:
        **noted_outputs(perturbations="results/{experiment}/perturbations/{attack}/shard-{shard}.zarr.zip"),
    log:
        "results/logs/perturb_images/{experiment}-{attack}-{shard}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(6, 1),
        runtime=stages.hours(4),
    params:
        code=stages.code_of("perturb_images", stages.attack_code),
        settings=stages.attack_settings,
    script:
        "../scripts/perturb_images.py"


rule gather_perturbations:
    """Gather the shards."""
    input:
        shards=stages.perturbation_shards,
    output:
        **noted_outputs(perturbations="results/{experiment}/perturbations/{attack}.zarr.zip"),
    log:
        "results/logs/gather_perturbations/{experiment}-{attack}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=stages.code_of("gather_perturbations"),
        settings=stages.settings(),
    script:
        "../scripts/gather_perturbations.py"


rule find_universal:
    """Compute perturbations that each fool the network on most images."""
    input:
        dataset=stages.dataset_of,
        network="results/{experiment}/network.safetensors",
    output:
        **noted_outputs(perturbations="results/{experiment}/perturbations/uap.zarr.zip"),
    log:
        "results/logs/find_universal/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.gigabytes(6, 1),
        runtime=stages.hours(4),
    params:
        code=stages.code_of("find_universal"),
        settings=stages.settings("perturbations.uap", "perturbations.deepfool"),
    script:
        "../scripts/find_universal.py"
