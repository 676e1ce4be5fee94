"""Orthonormal bases of image space, all of one form.

Needs: the curvature, the perturbations, or, for the controls, nothing of the network.
Gives: results/{experiment}/bases/{basis}.zarr.zip, and the spectra that the directions were ordered by.
"""


rule order_curvature:
    """Put the eigenvectors of all classes in turn, by the sign or the smallness of their curvature."""
    input:
        code=code_of("order_curvature"),
        curvature=curvature_shards,
    output:
        basis="results/{experiment}/bases/{basis}.zarr.zip",
    params:
        settings=settings("curvature"),
    wildcard_constraints:
        basis="|".join(CURVATURE_BASES),
    log:
        "results/logs/order_curvature/{experiment}-{basis}.log",
    benchmark:
        "results/logs/order_curvature/{experiment}-{basis}.tsv"
    threads: 2
    resources:
        mem="8GB",
        runtime="1h",
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/order_curvature.py"


rule decompose_perturbations:
    """Singular vectors of the stacked perturbations of unit norm."""
    input:
        code=code_of("decompose_perturbations"),
        perturbations="results/{experiment}/perturbations/{attack}.zarr.zip",
    output:
        high="results/{experiment}/bases/{attack}-high.zarr.zip",
        low="results/{experiment}/bases/{attack}-low.zarr.zip",
    params:
        settings=settings("bases"),
    log:
        "results/logs/decompose_perturbations/{experiment}-{attack}.log",
    benchmark:
        "results/logs/decompose_perturbations/{experiment}-{attack}.tsv"
    threads: 2
    resources:
        mem="12GB",
        runtime="1h",
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/decompose_perturbations.py"


rule decompose_images:
    """Control: the principal components of the training images."""
    input:
        code=code_of("decompose_images"),
        dataset=dataset_of,
    output:
        basis="results/{experiment}/bases/pca.zarr.zip",
    params:
        settings=settings("bases"),
    log:
        "results/logs/decompose_images/{experiment}.log",
    benchmark:
        "results/logs/decompose_images/{experiment}.tsv"
    threads: 2
    resources:
        mem="12GB",
        runtime="1h",
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/decompose_images.py"


rule draw_random_basis:
    """Control: directions that mean nothing."""
    input:
        code=code_of("draw_random_basis"),
        dataset=dataset_of,
    output:
        basis="results/{experiment}/bases/random.zarr.zip",
    params:
        settings=settings("bases"),
    log:
        "results/logs/draw_random_basis/{experiment}.log",
    benchmark:
        "results/logs/draw_random_basis/{experiment}.tsv"
    resources:
        mem="4GB",
        runtime="1h",
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/draw_random_basis.py"


def spectra_of(kind):
    """Input: the stores of one kind of spectrum that the experiment's figure shows."""

    def of_job(wildcards):
        if kind not in experiment_settings(config, wildcards.experiment, "figures")["spectrum"]:
            return []
        if kind == "curvature":
            return curvature_shards(wildcards)
        return [f"results/{wildcards.experiment}/bases/{'pca' if kind == 'pca' else kind + '-high'}.zarr.zip"]

    return of_job


rule tabulate_spectra:
    """Eigenvalues, singular values, and the quality record of each decomposition, as tables."""
    input:
        code=code_of("tabulate_spectra"),
        curvature=spectra_of("curvature"),
        deepfool=spectra_of("deepfool"),
        pca=spectra_of("pca"),
    output:
        spectra="results/{experiment}/spectra.csv",
        quality="results/{experiment}/quality.csv",
    params:
        settings=settings("figures"),
    log:
        "results/logs/tabulate_spectra/{experiment}.log",
    benchmark:
        "results/logs/tabulate_spectra/{experiment}.tsv"
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/tabulate_spectra.py"
