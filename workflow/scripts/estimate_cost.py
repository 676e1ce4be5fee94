"""What the suite costs, printed."""

from engine.job import announce, run

from engine.notes import processor
from engine.speed import GPU_FLOPS, estimate
from friendlyfire.devices import device_in_use, resolve_device


def main(inputs, outputs, settings):
    table, name = estimate(settings["config"], resolve_device(settings["device"])), device_in_use()
    announce(f"On {processor() if name == 'CPU' else name}; a GPU: one that sustains {GPU_FLOPS / 1e12:.0f} TFLOP/s.")
    for line in table.to_string(float_format="{:,.1f}".format, na_rep="").splitlines():
        announce(line)
    announce(
        "Counted: images that pass through networks. Not counted: decompositions of matrices, reading and writing."
    )


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
