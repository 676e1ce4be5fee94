"""One network per experiment, with its preprocessing inside.

Needs: the data set; for an imported network, its weights.
Gives: results/{experiment}/network.safetensors, network.csv with its accuracy, and the learning curve of a trained
network.
"""


localrules:
    import_network,


rule train_network:
    """Train the network of an experiment from random weights."""
    input:
        unpack(stages.teacher),
        dataset=stages.dataset_of,
    output:
        **noted_outputs(
            network="results/{experiment}/network.safetensors",
            accuracy="results/{experiment}/network.csv",
            curve="results/{experiment}/training.csv",
        ),
    log:
        "results/logs/train_network/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(stages.trained),
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=GPU,
        mem=stages.training_gigabytes,
        runtime=stages.hours(8),
    params:
        code=stages.code_of("train_network", stages.own_code),
        settings=stages.network_settings,
    script:
        "../scripts/train_network.py"


rule import_network:
    """Import a trained network: published weights of torchvision or timm, or the user's own file."""
    input:
        dataset=stages.dataset_of,
        weights=stages.weights_of,
        classes=stages.class_file_of,
    output:
        **noted_outputs(
            network="results/{experiment}/network.safetensors",
            accuracy="results/{experiment}/network.csv",
            # Without epochs: an imported network has the same files as a trained one, so one can replace the other.
            curve="results/{experiment}/training.csv",
        ),
    log:
        "results/logs/import_network/{experiment}.log",
    wildcard_constraints:
        experiment=one_of(stages.imported),
    conda:
        "../../envs/torch.yaml"
    params:
        code=stages.code_of("import_network", stages.own_files),
        settings=stages.network_settings,
    script:
        "../scripts/import_network.py"
