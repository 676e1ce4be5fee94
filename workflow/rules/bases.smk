"""Orthonormal bases of image space, all of one form.

Needs: the curvature, the perturbations, or, for the controls, nothing of the network.
Gives: results/{experiment}/bases/{basis}.zarr.zip, and the spectra that the directions were ordered by.
"""


localrules:
    tabulate_spectra,


rule order_curvature:
    """Put the eigenvectors of all classes in turn, by the sign or the smallness of their curvature."""
    input:
        curvature=shards_of("curvature"),
    output:
        **noted_outputs(basis="results/{experiment}/bases/{basis}.zarr.zip"),
    log:
        "results/logs/order_curvature/{experiment}-{basis}.log",
    wildcard_constraints:
        basis="|".join(CURVATURE_BASES),
    conda:
        "../../envs/torch.yaml"
    threads: threads_of_job
    resources:
        mem=gigabytes(4, 4),
        runtime=hours(1),
    params:
        code=code_of("order_curvature"),
        settings=settings("curvature"),
    script:
        "../scripts/order_curvature.py"


rule decompose_perturbations:
    """Singular vectors of the stacked perturbations of unit norm."""
    input:
        perturbations="results/{experiment}/perturbations/{attack}.zarr.zip",
    output:
        **noted_outputs(
            high="results/{experiment}/bases/{attack}-high.zarr.zip",
            low="results/{experiment}/bases/{attack}-low.zarr.zip",
        ),
    log:
        "results/logs/decompose_perturbations/{experiment}-{attack}.log",
    conda:
        "../../envs/torch.yaml"
    threads: threads_of_job
    resources:
        mem=gigabytes(4, 3),
        runtime=hours(1),
    params:
        code=code_of("decompose_perturbations"),
        settings=settings(),
    script:
        "../scripts/decompose_perturbations.py"


use rule decompose_perturbations as decompose_resampled with:
    output:
        **noted_outputs(
            high="results/{experiment}/bases/{attack}-high-{side}px.zarr.zip",
            low="results/{experiment}/bases/{attack}-low-{side}px.zarr.zip",
        ),
    log:
        "results/logs/decompose_perturbations/{experiment}-{attack}-{side}px.log",


rule decompose_images:
    """Control: the principal components of the images that make directions."""
    input:
        dataset=dataset_of,
    output:
        **noted_outputs(basis="results/{experiment}/bases/pca.zarr.zip"),
    log:
        "results/logs/decompose_images/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    threads: threads_of_job
    resources:
        mem=gigabytes(4, 3),
        runtime=hours(1),
    params:
        code=code_of("decompose_images"),
        settings=settings("bases.pca_images"),
    script:
        "../scripts/decompose_images.py"


rule compose_cosines:
    """Control: discrete cosines, from low to high frequency."""
    input:
        dataset=dataset_of,
    output:
        **noted_outputs(basis="results/{experiment}/bases/dct.zarr.zip"),
    log:
        "results/logs/compose_cosines/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem=gigabytes(2, 4),
        runtime=hours(1),
    params:
        code=code_of("compose_cosines"),
        settings=settings("bases.directions"),
    script:
        "../scripts/compose_cosines.py"


rule draw_random_basis:
    """Control: directions that mean nothing."""
    input:
        dataset=dataset_of,
    output:
        **noted_outputs(basis="results/{experiment}/bases/random.zarr.zip"),
    log:
        "results/logs/draw_random_basis/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem=gigabytes(2, 4),
        runtime=hours(1),
    params:
        code=code_of("draw_random_basis"),
        settings=settings("bases.directions"),
    script:
        "../scripts/draw_random_basis.py"


rule tabulate_spectra:
    """Eigenvalues, singular values, and the quality record of each decomposition, as tables."""
    input:
        networks=["results/{experiment}/network.csv"],
        curvature=spectra_of("curvature"),
        boundary=spectra_of("boundary"),
        deepfool=spectra_of("deepfool"),
        pca=spectra_of("pca"),
        caption=os.path.relpath(WORKFLOW / "report" / "quality.rst"),
    output:
        **noted_outputs(
            spectra="results/{experiment}/spectra.csv",
            quality=report(
                "results/{experiment}/quality.csv",
                caption="../report/written.rst",
                **place("quality", "numbers"),
            ),
            caption="results/{experiment}/quality.rst",
        ),
    log:
        "results/logs/tabulate_spectra/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=code_of("tabulate_spectra"),
        settings=settings("figures.spectrum"),
    script:
        "../scripts/tabulate_spectra.py"
