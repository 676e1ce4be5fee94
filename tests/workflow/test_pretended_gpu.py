"""Every script of the demo runs on a device that is not the CPU."""

import json
import os

import torch

from conftest import REPOSITORY, Workflow
from engine import warm
from pretended_gpu import DEVICE, NAME

#: The demo, with the smallest numbers that its figures allow.
SMALL = """experiments={digits-lenet: {
    networks: {epochs: 6}, boundary: {images: 10}, scores: {images: 20, anchored_images: 10},
    perturbations: {images: 64, uap: {count: 2, images: 20, max_passes: 1}},
    accuracy: {training_images: 50, measured_images: 50}, confinement: {images: 20, ranks: 3},
    resampling: {images: 20, sides: [1.0, 0.5]}, figures: {fig3: [curvature-positive], fig4: [deepfool-high],
    fig5: [deepfool-high], scores: [positive, negative]},
    claims: {tested: [curvature-slope]}}}"""

#: Rules whose scripts pass images through a network.
NETWORKS = {
    *("train_network", "perturb_images", "find_universal", "find_boundary", "decompose_curvature"),
    *("measure_scores", "measure_accuracy", "measure_confinement", "measure_resampling", "measure_slopes"),
    *("measure_walks", "measure_views"),
}


class OnGPU(Workflow):
    """Make the jobs of runs find a GPU: the pretended one, if there is no real one."""

    def environment(self):
        if DEVICE is None:
            return super().environment()
        paths = (REPOSITORY / "tests/pretended", REPOSITORY / "tests", self.folder / "workflow")
        path = os.pathsep.join(map(str, paths))
        own = {**super().environment(), "PYTHONPATH": path}
        own.pop(warm.FOLDER, None)  # a process that has not found the pretended GPU
        return own


def test_every_script_of_the_demo_runs_on_a_gpu(tmp_path):
    workflow = OnGPU(tmp_path / "ff")
    workflow.run("--config", " ".join(SMALL.split()))
    name = torch.cuda.get_device_name() if DEVICE is None else NAME
    records = [json.loads(path.read_text()) for path in (workflow.folder / "results/provenance").rglob("*.json")]
    used = {record["rule"]: record["device"] for record in records}
    assert {rule for rule, device in used.items() if device == name} == NETWORKS
