"""Figures, of tables and nothing else.

Needs: the tables of the suite's experiments.
Gives: results/figures/{figure}.pdf, .png, the .csv plotted, and as .rst its caption, which quotes their numbers and
is what the report shows (report/written.rst includes it). Each caption ends with the networks and their accuracies.
"""


localrules:
    plot_accuracy,
    plot_confinement,
    plot_coupling,
    plot_curves,
    plot_scores,
    plot_spectrum,
    plot_training,
    tabulate_resampling,


rule plot_curves:
    """Figure 1: one class's score along two directions, a curve an image."""
    input:
        curves=figures.score_results("fig1", "{kind}-curves.csv"),
        pictures=figures.score_results("fig1", "{kind}.zarr.zip"),
        networks=figures.network_tables("fig1"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "fig1.rst"),
    output:
        **noted_outputs(
            pdf="results/figures/fig1.pdf",
            png=reported("fig1.png", "chart"),
            csv=reported("fig1.csv", "numbers"),
            caption="results/figures/fig1.rst",
        ),
    log:
        "results/logs/plot_curves/fig1.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("plot_curves"),
    script:
        "../scripts/plot_curves.py"


rule plot_scores:
    """Figures 2, S1 and S2: what the first direction of each class does to all images."""
    input:
        population=figures.scores_of("{kind}.csv"),
        form=figures.scores_of("{kind}-form.csv"),
        pictures=figures.scores_of("{kind}.zarr.zip"),
        networks=figures.figure_networks,
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "{figure}.rst"),
    output:
        **noted_outputs(
            pdf="results/figures/{figure}.pdf",
            png=reported("{figure}.png", "chart"),
            csv=reported("{figure}.csv", "numbers"),
            form=reported("{figure}-form.csv", "form of the curves"),
            caption="results/figures/{figure}.rst",
        ),
    log:
        "results/logs/plot_scores/{figure}.log",
    wildcard_constraints:
        figure="fig2|figS1|figS2",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("plot_scores"),
    script:
        "../scripts/plot_scores.py"


rule plot_accuracy:
    """Figures 3 (top) and 4: accuracy against the number of directions kept, a panel an experiment."""
    input:
        accuracy=figures.accuracy_tables,
        fractions=figures.fraction_tables,
        quality=figures.quality_tables,
        networks=figures.figure_networks,
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "{figure}.rst"),
    output:
        **noted_outputs(
            pdf="results/figures/{figure}.pdf",
            png=reported("{figure}.png", "chart"),
            csv=reported("{figure}.csv", "numbers"),
            caption="results/figures/{figure}.rst",
        ),
    log:
        "results/logs/plot_accuracy/{figure}.log",
    wildcard_constraints:
        figure="fig3|fig4",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("plot_accuracy", figures.legend_of("fig3")),
    script:
        "../scripts/plot_accuracy.py"


rule plot_coupling:
    """Accuracy on the projected images against the attack's share, with the distances between the bases."""
    input:
        accuracy=figures.coupled("accuracy"),
        fractions=figures.coupled("fractions"),
        correct=figures.coupled("accuracy", "zarr.zip"),
        inside=figures.coupled("fractions", "zarr.zip"),
        networks=figures.network_tables("coupling"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "coupling.rst"),
    output:
        **noted_outputs(
            pdf="results/figures/coupling.pdf",
            png=reported("coupling.png", "chart"),
            csv=reported("coupling.csv", "numbers"),
            distances=reported("coupling-distances.csv", "distances"),
            correlations=reported("coupling-correlations.csv", "correlations"),
            caption="results/figures/coupling.rst",
        ),
    log:
        "results/logs/plot_coupling/coupling.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("plot_coupling", figures.legend_of("coupling")),
        seed={"seed": config["seed"]},
    script:
        "../scripts/plot_coupling.py"


rule plot_confinement:
    """Figure 5: norms of confined attacks and of projected images, with pictures of both."""
    input:
        confinement=figures.basis_results("confinement", "fig5"),
        pictures=figures.basis_results("confinement", "fig5", "zarr.zip"),
        networks=figures.network_tables("fig5"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "fig5.rst"),
    output:
        **noted_outputs(
            pdf="results/figures/fig5.pdf",
            png=reported("fig5.png", "chart"),
            csv=reported("fig5.csv", "numbers"),
            caption="results/figures/fig5.rst",
        ),
    log:
        "results/logs/plot_confinement/fig5.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("plot_confinement", figures.legend_of("fig5")),
    script:
        "../scripts/plot_confinement.py"


rule plot_spectrum:
    """Eigenvalues of each class and singular values of the perturbations, a column an experiment."""
    input:
        spectra=expand("results/{experiment}/spectra.csv", experiment=figures.experiments_with("spectrum")),
        quality=expand("results/{experiment}/quality.csv", experiment=figures.experiments_with("spectrum")),
        networks=figures.network_tables("spectrum"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "spectrum.rst"),
    output:
        **noted_outputs(
            pdf="results/figures/spectrum.pdf",
            png=reported("spectrum.png", "chart"),
            csv=reported("spectrum.csv", "numbers"),
            caption="results/figures/spectrum.rst",
        ),
    log:
        "results/logs/plot_spectrum/spectrum.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("plot_spectrum"),
    script:
        "../scripts/plot_spectrum.py"


rule plot_training:
    """Learning curves, a panel an experiment."""
    input:
        curves=expand("results/{experiment}/training.csv", experiment=figures.experiments_with("training")),
        networks=figures.network_tables("training"),
        style=STYLE,
        caption=os.path.relpath(WORKFLOW / "report" / "training.rst"),
    output:
        **noted_outputs(
            pdf="results/figures/training.pdf",
            png=reported("training.png", "chart"),
            csv=reported("training.csv", "numbers"),
            caption="results/figures/training.rst",
        ),
    log:
        "results/logs/plot_training/training.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("plot_training"),
    script:
        "../scripts/plot_training.py"


rule tabulate_resampling:
    """Table 1 as CSV, Markdown, LaTeX and HTML, with the paper's own rows beside ours."""
    input:
        transfer=expand("results/{experiment}/resampling/transfer.csv", experiment=figures.experiments),
        attacks=expand("results/{experiment}/resampling/attacks.csv", experiment=figures.experiments),
        networks=figures.network_tables("table1"),
        caption=os.path.relpath(WORKFLOW / "report" / "table1.rst"),
        attacks_caption=os.path.relpath(WORKFLOW / "report" / "table1-attacks.rst"),
        paper=os.path.relpath(WORKFLOW / "report" / "paper-table1.csv"),
    output:
        **noted_outputs(
            html=report(
                "results/tables/table1.html", caption="../report/written.rst", **figures.place("table1", "table")
            ),
            csv=report(
                "results/tables/table1.csv", caption="../report/written.rst", **figures.place("table1", "numbers")
            ),
            attacks=report(
                "results/tables/table1-attacks.csv",
                caption="../report/written-attacks.rst",
                **figures.place("table1", "attacks through the unit"),
            ),
            md="results/tables/table1.md",
            tex="results/tables/table1.tex",
            caption="results/tables/table1.rst",
            attacks_caption="results/tables/table1-attacks.rst",
        ),
    log:
        "results/logs/tabulate_resampling/table1.log",
    conda:
        "../../envs/plot.yaml"
    params:
        code=stages.code_of("tabulate_resampling"),
    script:
        "../scripts/tabulate_resampling.py"
