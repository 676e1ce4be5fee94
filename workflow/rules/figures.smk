"""Figures, made from tables only: one rule per figure that is declared in friendlyfire/figures.

Needs: the tables of the suite's experiments.
Gives: results/figures/{figure}.pdf, .png, the tables and pictures that it is drawn from, as .csv and .zarr.zip, and the
caption as .rst, which quotes these numbers and appears in the report (report/written.rst includes it). Each caption
ends with the networks and their accuracies. A figure that declares `hover` also has an interactive version, as .html.
"""


localrules:
    tabulate_resampling,


for figure, kind in figures.kinds.items():

    rule:
        name:
            f"plot_{figure}"
        input:
            **figures.read_by(figure),
            networks=figures.network_tables(figure),
            style=STYLE,
        output:
            **noted_outputs(
                pdf=f"results/figures/{figure}.pdf",
                png=reported(figure, f"results/figures/{figure}.png", "chart"),
                caption=f"results/figures/{figure}.rst",
                **{
                    table: reported(figure, path, kind["tables"][table])
                    for table, path in figures.tables_of(figure).items()
                },
                **figures.pictures_of(figure),
                **{word: reported(figure, path, "interactive") for word, path in figures.page_of(figure).items()},
            ),
        log:
            f"results/logs/plot_{figure}/{figure}.log",
        localrule: True
        conda:
            "../../envs/plot.yaml"
        params:
            code=stages.code_of("plot", figures.code_of(figure)),
            seed=figures.settings(),
            declared=figure,
        message:
            f"plot_{figure}: {kind['title']}"
        script:
            "../scripts/plot.py"


rule tabulate_resampling:
    """Write table 1 as CSV, Markdown, LaTeX and HTML, with the paper's own rows next to ours."""
    input:
        transfer=expand("results/{experiment}/resampling/transfer.csv", experiment=figures.experiments),
        attacks=expand("results/{experiment}/resampling/attacks.csv", experiment=figures.experiments),
        networks=figures.network_tables("table1"),
        caption=os.path.relpath(WORKFLOW / "report" / "table1.rst"),
        attacks_caption=os.path.relpath(WORKFLOW / "report" / "table1-attacks.rst"),
        paper=os.path.relpath(WORKFLOW / "report" / "paper-table1.csv"),
    output:
        **noted_outputs(
            html=reported("table1", "results/tables/table1.html", "table"),
            csv=reported("table1", "results/tables/table1.csv", "numbers"),
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


for target in figures.targets:

    rule:
        name:
            target
        input:
            figures.files(target),
        localrule: True
        message:
            figures.said(target)
