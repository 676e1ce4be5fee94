"""Python imports this module at start if its folder is on PYTHONPATH: jobs then compute on the pretended GPU."""

import sys

if any(".snakemake/scripts" in argument for argument in sys.orig_argv):
    import pretended_gpu
    from friendlyfire import devices

    def resolve_device(name):
        if name == "cpu":
            return devices.torch.device("cpu")
        devices._in_use = pretended_gpu.NAME
        return pretended_gpu.DEVICE

    devices.resolve_device = resolve_device
    until_the_process_ends = pretended_gpu.pretended_gpu()
    until_the_process_ends.__enter__()
