"""Figures, of tables and nothing else.

Needs: the tables of the suite's experiments.
Gives: results/figures/{figure}.pdf, .png, the .csv plotted, and as .rst its caption, which quotes their numbers and
is what the report shows (report/written.rst includes it).
"""


localrules:
    plot_accuracy,
    plot_confinement,
    plot_spectrum,
    plot_training,
    tabulate_resampling,


rule plot_accuracy:
    """Figures 3 (top) and 4: accuracy against the number of directions kept, a panel an experiment."""
    input:
        code=code_of("plot_accuracy"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "{figure}.rst"),
        accuracy=accuracy_tables,
        fractions=fraction_tables,
        quality=quality_tables,
    output:
        pdf="results/figures/{figure}.pdf",
        png=report(
            "results/figures/{figure}.png",
            caption="../report/written.rst",
            category="4.2 Accuracy and dimensionality",
        ),
        csv="results/figures/{figure}.csv",
        caption="results/figures/{figure}.rst",
    log:
        "results/logs/plot_accuracy/{figure}.log",
    wildcard_constraints:
        figure="fig3|fig4",
    conda:
        "../../envs/plot.yaml"
    script:
        "../scripts/plot_accuracy.py"


rule plot_confinement:
    """Figure 5: norms of confined attacks and of projected images, with pictures of both."""
    input:
        code=code_of("plot_confinement"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "fig5.rst"),
        confinement=confinement_results("csv"),
        pictures=confinement_results("zarr.zip"),
    output:
        pdf="results/figures/fig5.pdf",
        png=report(
            "results/figures/fig5.png",
            caption="../report/written.rst",
            category="4.3 Classification and attack",
        ),
        csv="results/figures/fig5.csv",
        caption="results/figures/fig5.rst",
    log:
        "results/logs/plot_confinement/fig5.log",
    conda:
        "../../envs/plot.yaml"
    script:
        "../scripts/plot_confinement.py"


rule plot_spectrum:
    """Eigenvalues of each class and singular values of the perturbations, a column an experiment."""
    input:
        code=code_of("plot_spectrum"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "spectrum.rst"),
        spectra=expand("results/{experiment}/spectra.csv", experiment=experiments_with("spectrum")),
        quality=expand("results/{experiment}/quality.csv", experiment=experiments_with("spectrum")),
    output:
        pdf="results/figures/spectrum.pdf",
        png=report(
            "results/figures/spectrum.png",
            caption="../report/written.rst",
            category="3 Curvature",
        ),
        csv="results/figures/spectrum.csv",
        caption="results/figures/spectrum.rst",
    log:
        "results/logs/plot_spectrum/spectrum.log",
    conda:
        "../../envs/plot.yaml"
    script:
        "../scripts/plot_spectrum.py"


rule plot_training:
    """Learning curves, a panel an experiment."""
    input:
        code=code_of("plot_training"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "training.rst"),
        curves=expand("results/{experiment}/training.csv", experiment=experiments_with("training")),
    output:
        pdf="results/figures/training.pdf",
        png=report(
            "results/figures/training.png",
            caption="../report/written.rst",
            category="Networks",
        ),
        csv="results/figures/training.csv",
        caption="results/figures/training.rst",
    log:
        "results/logs/plot_training/training.log",
    conda:
        "../../envs/plot.yaml"
    script:
        "../scripts/plot_training.py"


rule tabulate_resampling:
    """Table 1 as CSV, Markdown and LaTeX, with the paper's own rows beside ours."""
    input:
        code=code_of("tabulate_resampling"),
        paper=os.path.relpath(WORKFLOW / "report" / "paper-table1.csv"),
        transfer=expand("results/{experiment}/resampling/transfer.csv", experiment=EXPERIMENTS),
        attacks=expand("results/{experiment}/resampling/attacks.csv", experiment=EXPERIMENTS),
    output:
        csv=report(
            "results/tables/table1.csv",
            caption="../report/table1.rst",
            category="4.4 Compression",
        ),
        attacks=report(
            "results/tables/table1-attacks.csv",
            caption="../report/table1-attacks.rst",
            category="4.4 Compression",
        ),
        md="results/tables/table1.md",
        tex="results/tables/table1.tex",
    log:
        "results/logs/tabulate_resampling/table1.log",
    conda:
        "../../envs/plot.yaml"
    script:
        "../scripts/tabulate_resampling.py"
