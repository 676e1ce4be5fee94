"""Measures of networks, bases and perturbations: one rule per measure that is declared in friendlyfire/measures.

Needs: the materials in ``from`` of the measure's declaration.
Gives: results/{experiment}/{measure}/: tables with 95 % intervals, and a store of the values per image.
"""

from friendlyfire.declarations import declared

for measure, kind in declared("measures").items():
    per = f"-{{{kind['per']}}}" if kind["per"] else ""

    rule:
        name:
            f"measure_{measure}"
        input:
            unpack(stages.measured_from(measure)),
        output:
            **noted_outputs(
                **{file: f"results/{{experiment}}/{measure}/{path}" for file, path in kind["gives"].items()}
            ),
        log:
            f"results/logs/measure_{measure}/{{experiment}}{per}.log",
        conda:
            "../../envs/torch.yaml"
        threads: stages.threads_of_job
        resources:
            gpu=GPU * ("network" in kind["from"]),
            mem=stages.gigabytes(*kind["gigabytes"]),
            runtime=stages.hours(kind["hours"]),
        params:
            code=stages.code_of("measure", stages.measure_code(measure)),
            settings=stages.measure_settings(measure),
            declared=measure,
        script:
            "../scripts/measure.py"
