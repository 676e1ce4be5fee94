"""Images from their source, once.

Needs: scikit-learn's digits, torchvision's sets in data_dir (downloaded if absent), or a folder of images.
Gives: results/datasets/{dataset}.zarr.zip, with images, labels, indices and the training set's mean image.
"""


# What downloads runs where the network is: on the machine that submits.
localrules:
    fetch_dataset,
    import_network,


rule fetch_dataset:
    """See that the source of a data set is there, downloading it if need be, and take stock of it."""
    output:
        **noted_outputs(stock="results/datasets/{dataset}.source.json"),
    log:
        "results/logs/fetch_dataset/{dataset}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=stages.code_of("fetch_dataset"),
        folders=stages.image_folders,
        dataset=stages.dataset_settings,
    script:
        "../scripts/fetch_dataset.py"


rule prepare_dataset:
    """Draw the order and subsets of a data set, and store its images and their mean."""
    input:
        stock="results/datasets/{dataset}.source.json",
    output:
        **noted_outputs(dataset="results/datasets/{dataset}.zarr.zip"),
    log:
        "results/logs/prepare_dataset/{dataset}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem=lambda wildcards, attempt: f"{4 * attempt}GB",
        runtime=lambda wildcards, attempt: f"{2 * attempt}h",
    params:
        code=stages.code_of("prepare_dataset"),
        dataset=stages.dataset_settings,
    script:
        "../scripts/prepare_dataset.py"
