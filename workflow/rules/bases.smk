"""Orthonormal bases of image space, all in one format.

Needs: the curvature, the perturbations, the network or a basis of another experiment; the controls need the data set.
Gives: results/{experiment}/bases/{basis}.zarr.zip, and the spectra that order the directions.
"""


localrules:
    tabulate_spectra,


rule make_basis:
    """Make the orthonormal directions of a basis, by the declaration of its kind."""
    input:
        unpack(stages.materials_of),
    output:
        **noted_outputs(basis="results/{experiment}/bases/{basis}.zarr.zip"),
    log:
        "results/logs/make_basis/{experiment}-{basis}.log",
    conda:
        "../../envs/torch.yaml"
    threads: stages.threads_of_job
    resources:
        gpu=lambda wildcards: GPU * stages.network_passes(wildcards),
        mem=stages.gigabytes(4, 4),
        runtime=stages.hours(1),
    params:
        code=stages.code_of("make_basis", stages.basis_code),
        settings=stages.basis_settings,
    script:
        "../scripts/make_basis.py"


rule tabulate_spectra:
    """Tabulate eigenvalues, singular values, and the quality record of each decomposition."""
    input:
        networks=["results/{experiment}/network.csv"],
        curvature=stages.spectra_of("curvature"),
        boundary=stages.spectra_of("boundary"),
        deepfool=stages.spectra_of("deepfool"),
        pca=stages.spectra_of("pca"),
        caption=os.path.relpath(WORKFLOW / "report" / "quality.rst"),
    output:
        **noted_outputs(
            spectra="results/{experiment}/spectra.csv",
            quality=reported("quality", "results/{experiment}/quality.csv", "numbers"),
            caption="results/{experiment}/quality.rst",
        ),
    log:
        "results/logs/tabulate_spectra/{experiment}.log",
    conda:
        "../../envs/torch.yaml"
    params:
        code=stages.code_of("tabulate_spectra"),
        settings=stages.settings("figures.spectrum"),
    script:
        "../scripts/tabulate_spectra.py"
