"""Orthonormal bases of image space, all of one form.

Needs: the curvature, the perturbations, or, for the controls, nothing of the network.
Gives: results/{experiment}/bases/{basis}.zarr.zip, and the spectra that the directions were ordered by.
"""


localrules:
    tabulate_spectra,


rule make_basis:
    """Orthonormal directions, of whatever the kind of the basis says."""
    input:
        unpack(materials_of),
    output:
        **noted_outputs(basis="results/{experiment}/bases/{basis}.zarr.zip"),
    log:
        "results/logs/make_basis/{experiment}-{basis}.log",
    conda:
        "../../envs/torch.yaml"
    threads: threads_of_job
    resources:
        mem=gigabytes(4, 4),
        runtime=hours(1),
    params:
        code=code_of("make_basis", basis_code),
        settings=basis_settings,
    script:
        "../scripts/make_basis.py"


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
