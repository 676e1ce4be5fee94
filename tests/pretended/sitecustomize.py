"""Python imports this module at start if its folder is on PYTHONPATH: jobs then compute on the pretended GPU."""

import os
import runpy
import sys


def pretend():
    import pretended_gpu
    from friendlyfire import devices

    def resolve_device(name):
        if name == "cpu":
            return devices.torch.device("cpu")
        devices._in_use = pretended_gpu.NAME
        return pretended_gpu.DEVICE

    devices.resolve_device = resolve_device
    pretend.until_the_process_ends = pretended_gpu.pretended_gpu()
    pretend.until_the_process_ends.__enter__()


def run_path(*arguments, run=runpy.run_path, **options):
    pretend()
    return run(*arguments, **options)


if any(argument.endswith("engine/warm.py") for argument in sys.orig_argv):
    runpy.run_path = run_path  # what a fork calls
elif any(".snakemake/scripts" in argument for argument in sys.orig_argv) and not os.path.exists(
    f"{os.environ['FRIENDLYFIRE_WARM']}/{os.path.basename(sys.executable)}"
):
    pretend()  # no fork listens yet that this job could be handed over to
