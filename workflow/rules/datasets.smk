"""Images from their source, read once.

Needs: scikit-learn's digits, torchvision's sets in data_dir (downloaded if absent), or a folder of images.
Gives: results/datasets/{dataset}.zarr.zip, with images, labels, indices and the training set's mean image.
"""


# Downloads run on the submitting machine, which has internet access.
localrules:
    fetch_dataset,
    import_network,


rule fetch_dataset:
    """Check the source of a data set, download it if necessary, and write an inventory of it."""
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
