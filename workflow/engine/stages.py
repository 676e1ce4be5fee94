"""What each job asks of the configuration: its settings, its inputs, a digest of its code, and what it takes."""

import functools
import hashlib
import importlib.util
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.code import Definition, digest_of_code
from engine.kinds import attack_kind, basis_kind, computing, reader_of, reader_of_measure
from engine.provenance import is_result
from engine.sections import experiment_settings, is_trained, threads_of
from friendlyfire.datasets.class_names import IMAGENET
from friendlyfire.datasets.sources import HELD_OUT, image_shape, known_classes, known_images, sampled_sides
from friendlyfire.declarations import declared
from friendlyfire.records.files import sha256
from friendlyfire.records.sharing import ATTACKED_TOGETHER, useful_shards

#: Of a file, read once a run.
file_digest = functools.cache(sha256)


@functools.cache
def code_at(place: str, library: Path) -> str:
    """Digest of a function, "package.module:name", and of all that it uses, near it and in the library's folder."""
    name, _, function = place.partition(":")
    origin = Path(importlib.util.find_spec(name).origin)
    if "site-packages" in origin.parts:  # what is installed there is told by its version
        return file_digest(origin)
    depth = name.count(".") + (origin.name == "__init__.py")
    return digest_of_code([Definition(origin, function)], (Path.cwd(), origin.parents[depth], library))


class Stages:
    """Functions of a job's wildcards, for the directives of its rule.

    Args:
        config: checked.
        folder: of the workflow's rules, scripts and library.
    """

    def __init__(self, config: Mapping[str, Any], folder: Path):
        self.config, self.folder = config, folder
        #: Names of the experiments whose networks are trained here, and of the others.
        self.trained = [name for name in config["experiments"] if is_trained(config, name)]
        self.imported = [name for name in config["experiments"] if not is_trained(config, name)]

    def settings(self, *stages):
        """Params: the named sections as the job's experiment has them, with the seed, in one dict.

        Of a section that the job needs one key of, "stage.key" gives no more: a job follows what it reads.
        """

        def of_job(wildcards):
            sections = {}
            for stage, _, key in (name.partition(".") for name in stages):
                section = experiment_settings(self.config, wildcards.experiment, stage)
                sections.setdefault(stage, {}).update({key: section[key]} if key else section)
            return {"seed": self.config["seed"], **sections}

        return of_job

    def attack_settings(self, wildcards):
        """Params: which images are attacked, and the options of the job's attack alone."""
        section = experiment_settings(self.config, wildcards.experiment, "perturbations")
        kind, options = attack_kind(self.config, wildcards.experiment, wildcards.attack)
        options.pop("name", None)
        held_out = self.dataset_section(wildcards.experiment).get("held_out") or HELD_OUT
        shards = useful_shards(section["shards"], ATTACKED_TOGETHER, section["images"], held_out)
        sections = {"perturbations": {"images": section["images"], "shards": shards}}
        if kind.get("own"):
            sections["attacks"] = {wildcards.attack: kind["declared"]}
        else:
            sections["perturbations"][wildcards.attack.replace("-", ".")] = options
        return {"seed": self.config["seed"], **sections}

    def dataset_section(self, experiment):
        """The section of the data set of an experiment."""
        return self.config["datasets"][self.config["experiments"][experiment]["dataset"]]

    def dataset_settings(self, wildcards):
        """Params: the section of the job's data set."""
        return {"seed": self.config["seed"], **dict(sorted(self.config["datasets"][wildcards.dataset].items()))}

    def dataset_of(self, wildcards):
        """Input: the store of the data set of the job's experiment."""
        return f"results/datasets/{self.config['experiments'][wildcards.experiment]['dataset']}.zarr.zip"

    def measured_from(self, name):
        """Input: what a measure is made from, by the words of its declaration."""

        def of_job(wildcards):
            return {part: self.material(part, wildcards) for part in declared("measures")[name]["from"]}

        return of_job

    def material(self, part, wildcards):
        """The file, or files, that one word of a declaration stands for."""
        folder = f"results/{wildcards.experiment}"
        match part:
            case "dataset":
                return self.dataset_of(wildcards)
            case "network":
                return f"{folder}/network.safetensors"
            case "basis":
                return f"{folder}/bases/{wildcards.basis}.zarr.zip"
            case "bases":
                return self.resampled_bases(wildcards)
            case "perturbations":
                attacks = experiment_settings(self.config, wildcards.experiment, "fractions")["attacks"]
                # No colon in a file's name.
                return [f"{folder}/perturbations/{attack.replace(':', '-')}.zarr.zip" for attack in attacks]
            case "curvature":
                return self.shards_of("curvature")(wildcards)

    def measure_settings(self, name):
        """Params: the section of a measure, and what it reads of others."""
        return self.settings(name, *declared("measures")[name]["with"].values())

    def measure_code(self, name):
        """Digests of the function of a measure, and of what reads its materials."""
        kind = declared("measures")[name]
        places = [kind["make"], *(reader_of_measure(part) for part in kind["from"])]

        def of_job(wildcards):
            return [*(code_at(place, self.folder) for place in places), computing(kind)]

        return of_job

    def weights_of(self, wildcards):
        """Input: the file of weights that the job's experiment brings, if any."""
        weights = experiment_settings(self.config, wildcards.experiment, "networks")["weights"]
        return [] if weights in (None, "published") else [str(Path(weights))]

    def class_file_of(self, wildcards):
        """Input: the file that names the classes of a network that the job's experiment brings, if any."""
        classes = experiment_settings(self.config, wildcards.experiment, "networks")["classes"]
        return [classes] if isinstance(classes, str) and classes != IMAGENET else []

    def basis_settings(self, wildcards):
        """Params: what the job's basis reads of the configuration, as its kind declares."""
        kind = basis_kind(self.config, wildcards.experiment, wildcards.basis)
        return self.settings(*kind["settings"])(wildcards)

    def materials_of(self, wildcards):
        """Input: what the job's basis is made from."""
        kind, folder = basis_kind(self.config, wildcards.experiment, wildcards.basis), f"results/{wildcards.experiment}"
        match kind["from"]:
            case "network":
                return {part: self.material(part, wildcards) for part in ("dataset", "network")}
            case "perturbations":
                return {"perturbations": f"{folder}/perturbations/{kind['of']}.zarr.zip"}
            case "basis":
                return {"basis": f"{folder}/bases/{kind['of']}.zarr.zip"}
            case part:
                return {part: self.material(part, wildcards)}

    def image_folders(self, wildcards):
        """Params: a digest of the class folders of a data set that is a folder: images that come or go are seen."""
        folder = self.config["datasets"][wildcards.dataset].get("folder")
        found = sorted(path for path in Path(folder).glob("*/*") if path.is_dir()) if folder else []
        # A folder that is renamed keeps its times, one that another is put in the place of has other numbers.
        states = "".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_ino}\n" for path in found)
        return hashlib.sha256(os.fsencode(states)).hexdigest()[:12]

    def perturbation_shards(self, wildcards):
        """Input: the stores of all shares of the perturbations by the job's attack."""
        shards = self.attack_settings(wildcards)["perturbations"]["shards"]
        folder = f"results/{wildcards.experiment}/perturbations/{wildcards.attack}"
        return [f"{folder}/shard-{shard}.zarr.zip" for shard in range(shards)]

    def curvature_settings(self, wildcards):
        """Params: curvature, with the number of jobs that have something to do."""
        section, boundary = (
            experiment_settings(self.config, wildcards.experiment, name) for name in ("curvature", "boundary")
        )
        classes = boundary["classes"]
        known = known_classes(self.dataset_section(wildcards.experiment)) if classes == "all" else len(classes)
        section["shards"] = min(section["shards"], known or section["shards"])
        return {"seed": self.config["seed"], "curvature": section}

    def boundary_settings(self, wildcards):
        """Params: boundary, DeepFool's options, and over how many jobs the classes are spread."""
        shards = self.curvature_settings(wildcards)["curvature"]["shards"]
        return {**self.settings("boundary", "perturbations.deepfool")(wildcards), "curvature": {"shards": shards}}

    def shards_of(self, stage):
        """Input: the stores of all shards of a stage, boundary or curvature, of the job's experiment."""

        def of_job(wildcards):
            shards = self.curvature_settings(wildcards)["curvature"]["shards"]
            return [f"results/{wildcards.experiment}/{stage}/shard-{shard}.zarr.zip" for shard in range(shards)]

        return of_job

    def spectra_of(self, kind):
        """Input: the stores of one kind of spectrum that the experiment's figure shows."""

        def of_job(wildcards):
            shown = "curvature" if kind == "boundary" else kind
            if shown not in experiment_settings(self.config, wildcards.experiment, "figures")["spectrum"]:
                return []
            if shown == "curvature":
                return self.shards_of(kind)(wildcards)
            basis = "pca" if kind == "pca" else f"{kind}-high"
            return [f"results/{wildcards.experiment}/bases/{basis}.zarr.zip"]

        return of_job

    def resampled_bases(self, wildcards):
        """Input: the singular vectors of what the unit passes of perturbations, for each side."""
        size = image_shape(self.dataset_section(wildcards.experiment))[1]
        sides = sampled_sides(experiment_settings(self.config, wildcards.experiment, "resampling")["sides"], size)
        names = ["deepfool-high" if side == size else f"deepfool-high-{side}px" for side in sides]
        return [f"results/{wildcards.experiment}/bases/{name}.zarr.zip" for name in names]

    def own_code(self, wildcards):
        """Digest of the function that builds the network of the job's experiment, unless that is a library's."""
        architecture = experiment_settings(self.config, wildcards.experiment, "networks")["architecture"]
        place = declared("architectures").get(architecture, {"make": architecture})["make"]
        return [code_at(place, self.folder)] if ":" in place else []

    def attack_code(self, wildcards):
        """Digest of the function that is the job's attack."""
        kind, _ = attack_kind(self.config, wildcards.experiment, wildcards.attack)
        return [code_at(kind["make"], self.folder), computing(kind)]

    def basis_code(self, wildcards):
        """Digests of the function that makes the job's basis, and of what reads its materials."""
        kind = basis_kind(self.config, wildcards.experiment, wildcards.basis)
        return [*(code_at(place, self.folder) for place in (kind["make"], reader_of(kind))), computing(kind)]

    def own_files(self, wildcards):
        """The same, with digests of the files of an imported network, but another experiment's network."""
        given = [*self.weights_of(wildcards), *self.class_file_of(wildcards)]
        return [*self.own_code(wildcards), *(file_digest(path) for path in given if not is_result(path))]

    def code_of(self, script, own=lambda wildcards: []):
        """Params: a digest of the code that a script runs, so that editing it reruns what it computed.

        Args:
            script: of the job.
            own: a function of the wildcards, digests of the user's files that the job runs too.
        """
        code = digest_of_code(
            [Definition(self.folder / "scripts" / f"{script}.py", "main")], (self.folder, self.folder / "scripts")
        )

        def of_job(wildcards):
            return hashlib.sha256(" ".join([code, *own(wildcards)]).encode()).hexdigest()[:12]

        return of_job

    def gigabytes(self, base, copies=0.0):
        """Resource ``mem``: a base and so many copies of the experiment's largest basis, more at each attempt."""

        def of_job(wildcards, attempt):
            return f"{math.ceil(attempt * (base + copies * self.basis_gigabytes(wildcards.experiment)))}GB"

        return of_job

    def training_gigabytes(self, wildcards, attempt):
        """Resource ``mem`` of a training, which holds all images as bytes."""
        images = known_images(self.dataset_section(wildcards.experiment))
        return f"{math.ceil(attempt * (8 + 1e-9 * images * self.pixels_of(wildcards.experiment)))}GB"

    def hours(self, base):
        """Resource ``runtime``: twice as long for images of ImageNet's size, more at each attempt; a day at most."""

        def of_job(wildcards, attempt):
            return f"{min(24, math.ceil(attempt * base * (1 + self.pixels_of(wildcards.experiment) / 150_000)))}h"

        return of_job

    def pixels_of(self, experiment):
        """d, the number of pixel values of an experiment's images."""
        return math.prod(image_shape(self.dataset_section(experiment)))

    def basis_gigabytes(self, experiment):
        """Gigabytes of float64 that the largest basis of an experiment can take."""
        pixels, bases = self.pixels_of(experiment), experiment_settings(self.config, experiment, "bases")
        perturbations = experiment_settings(self.config, experiment, "perturbations")["images"]
        columns = max(bases["directions"] or pixels, bases["pca_images"], perturbations)
        return 8e-9 * pixels * min(pixels, columns)

    def threads_of_job(self, wildcards):
        """Threads: of the job's experiment."""
        return threads_of(self.config, wildcards.experiment)
