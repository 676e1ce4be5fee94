"""Pages, self-contained HTML files made from results: one rule per page that is declared in friendlyfire/pages.

Needs: the results in ``reads`` of the page's declaration.
Gives: results/{folder}/{experiment}.html, with the folder of its declaration.
"""

for page, kind in pages.kinds.items():

    rule:
        name:
            f"write_{page}"
        input:
            unpack(pages.read_by(page)),
        output:
            **noted_outputs(
                page=report(pages.path(page), caption="../report/pages.rst", **pages.place(page)),
            ),
        log:
            f"results/logs/write_{page}/{{experiment}}.log",
        localrule: True
        conda:
            "../../envs/plot.yaml"
        params:
            code=stages.code_of("write_page", pages.code_of(page)),
            settings=pages.settings(page),
            declared=page,
        script:
            "../scripts/write_page.py"


for target in pages.kinds:

    rule:
        name:
            target
        input:
            pages.files(target),
        localrule: True
        message:
            pages.said(target)
