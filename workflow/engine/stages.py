"""The directives of each job, from the configuration: settings, inputs, a digest of its code, and resources."""

import functools
import hashlib
import importlib.util
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.code import Definition, digest_of_code
from engine.kinds import (
    attack_kind,
    basis_kind,
    computing,
    reader_of,
    reader_of_measure,
    tested_claims,
)
from engine.provenance import is_result
from engine.repetitions import compared, counterpart
from engine.sections import experiment_settings, is_trained, network_section, threads_of
from engine.twins import original_of
from friendlyfire.datasets.class_names import IMAGENET
from friendlyfire.datasets.sources import HELD_OUT, image_shape, known_classes, known_images, sampled_sides
from friendlyfire.declarations import Kind, declared
from friendlyfire.records.files import sha256
from friendlyfire.records.sharing import ATTACKED_TOGETHER, useful_shards

#: SHA-256 of a file, read once per run.
file_digest = functools.cache(sha256)


@functools.cache
def code_at(place: str, library: Path) -> str:
    """Return a digest of a function, "package.module:name", and of all code that it uses, its own and the library's."""
    name, _, function = place.partition(":")
    origin = Path(importlib.util.find_spec(name).origin)
    if "site-packages" in origin.parts:  # an installed package is identified by its version
        return file_digest(origin)
    depth = name.count(".") + (origin.name == "__init__.py")
    installed = ("site-packages", sys.base_prefix, sys.prefix)
    elsewhere = [Path(entry) for entry in sys.path if entry and not any(part in entry for part in installed)]
    elsewhere = [entry for entry in elsewhere if not any(entry.glob("*.dist-info"))]  # pip install --target
    folders = dict.fromkeys([Path.cwd(), origin.parents[depth], library, *elsewhere])
    return digest_of_code([Definition(origin, function)], tuple(folders))


def spelled_out(patterns: Iterable[str], **words: Sequence[str]) -> list[str]:
    """Return the patterns with each word of braces replaced by each of its values, each path once."""
    found = list(patterns)
    for word, values in words.items():
        brace = f"{{{word}}}"
        found = [
            pattern.replace(brace, value) for pattern in found for value in (values if brace in pattern else [brace])
        ]
    return list(dict.fromkeys(found))


def code_of_kind(kind: Kind, library: Path, *readers: str) -> list[str]:
    """Return digests of the function that a declaration names, of those that read for it, and of what it declares."""
    return [*(code_at(place, library) for place in (kind["make"], *readers)), computing(kind)]


class Stages:
    """Functions of a job's wildcards, for the directives of its rule.

    Args:
        config: the checked configuration.
        folder: the folder of the workflow's rules, scripts and library.
    """

    def __init__(self, config: Mapping[str, Any], folder: Path):
        self.config, self.folder = config, folder
        #: Names of the experiments whose networks are trained here, and of those whose networks are imported.
        self.trained = [name for name in config["experiments"] if is_trained(config, name)]
        self.imported = [name for name in config["experiments"] if not is_trained(config, name)]

    def settings(self, *stages):
        """Params: the named sections of the job's experiment, with the seed, in one dict.

        "stage.key" selects a single key of a section, so that a change of the other keys does not rerun the job.
        """

        def of_job(wildcards):
            sections = {}
            for stage, _, key in (name.partition(".") for name in stages):
                section = experiment_settings(self.config, wildcards.experiment, stage)
                sections.setdefault(stage, {}).update({key: section[key]} if key else section)
            return {"seed": self.config["seed"], **sections}

        return of_job

    def network_settings(self, wildcards):
        """Params: the section of the job's network."""
        return {"seed": self.config["seed"], "networks": network_section(self.config, wildcards.experiment)}

    def attack_settings(self, wildcards):
        """Params: the images to attack, and the options of the job's own attack."""
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
        """Return the section of an experiment's data set."""
        return self.config["datasets"][self.config["experiments"][experiment]["dataset"]]

    def dataset_settings(self, wildcards):
        """Params: the section of the job's data set."""
        return {"seed": self.config["seed"], **dict(sorted(self.config["datasets"][wildcards.dataset].items()))}

    def dataset_of(self, wildcards):
        """Input: the store of the data set of the job's experiment."""
        return f"results/datasets/{self.config['experiments'][wildcards.experiment]['dataset']}.zarr.zip"

    def measured_from(self, name):
        """Input: the materials of a measure, by the words of its declaration."""

        def of_job(wildcards):
            return {part: self.material(part, wildcards) for part in declared("measures")[name]["from"]}

        return of_job

    def material(self, part, wildcards):
        """Return the file, or files, that one word of a declaration stands for."""
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
                # File names must not contain a colon.
                return [f"{folder}/perturbations/{attack.replace(':', '-')}.zarr.zip" for attack in attacks]
            case "curvature" | "boundary":
                return self.shards_of(part)(wildcards)
            case "ours":
                return [f"{folder}/bases/deepfool-high.zarr.zip", f"{folder}/perturbations/deepfool.zarr.zip"]
            case "theirs":
                return [f"results/{wildcards.theirs}/{part}/deepfool-high.zarr.zip" for part in ("bases", "accuracy")]

    def measure_settings(self, name):
        """Params: the section of a measure, and the keys that it reads of other sections."""
        return self.settings(name, *declared("measures")[name]["with"].values())

    def measure_code(self, name):
        """Return digests of a measure's function and of the functions that read its materials."""
        kind = declared("measures")[name]

        def of_job(wildcards):
            return code_of_kind(kind, self.folder, *map(reader_of_measure, kind["from"]))

        return of_job

    def claims_of(self, wildcards):
        """Return the declarations of the claims that are tested of the experiment."""
        return [declared("claims")[name] for name in tested_claims(self.config, wildcards.experiment)]

    def read_by_claims(self, wildcards):
        """Input: the stores that the claims of the experiment read."""
        figures = experiment_settings(self.config, wildcards.experiment, "figures")
        patterns = [pattern for kind in self.claims_of(wildcards) for pattern in kind["reads"]]
        # The last, of how many perturbations the directions are.
        words = {"basis": figures["fig4"] + figures["fig3"], "theirs": compared(self.config, wildcards.experiment)}
        paths = [*spelled_out(patterns, **words), "bases/deepfool-high.zarr.zip"]
        return [f"results/{wildcards.experiment}/{path}" for path in dict.fromkeys(paths)]

    def read_of_original(self, wildcards):
        """Input: the stores that claims about a twin read of its original."""
        original = original_of(self.config, wildcards.experiment)
        paths = [path for kind in self.claims_of(wildcards) if "twin" in kind for path in kind["reads"]]
        return [f"results/{original}/{path}" for path in dict.fromkeys(paths)]

    def quality_of_claims(self, wildcards):
        """Input: the quality of the experiment's curvature, and of its original's if claims compare them."""
        compared = [original_of(self.config, wildcards.experiment)] if self.read_of_original(wildcards) else []
        return [f"results/{name}/quality.csv" for name in [wildcards.experiment, *compared]]

    def networks_of_claims(self, wildcards):
        """Input: the accuracy of the experiment's network, and of those that claims compare it with."""
        theirs = any("{theirs}" in path for kind in self.claims_of(wildcards) for path in kind["reads"])
        names = [wildcards.experiment, *(compared(self.config, wildcards.experiment) if theirs else [])]
        if self.read_of_original(wildcards):
            names.append(original_of(self.config, wildcards.experiment))
        return [f"results/{name}/network.csv" for name in dict.fromkeys(names)]

    def claim_code(self, wildcards):
        """Return digests of the functions of the experiment's claims, and of what they declare."""
        return [text for kind in self.claims_of(wildcards) for text in code_of_kind(kind, self.folder)]

    def weights_of(self, wildcards):
        """Input: the weights file of the job's experiment, if any."""
        weights = experiment_settings(self.config, wildcards.experiment, "networks")["weights"]
        return [] if weights in (None, "published") else [str(Path(weights))]

    def teacher(self, wildcards):
        """Input: the network that changes the images that the job trains on, and its basis, if any."""
        train_on = experiment_settings(self.config, wildcards.experiment, "networks")["train_on"] or {}
        folder, found = f"results/{train_on.get('of')}", {}
        if train_on.get("images") in ("attacks", "noise"):
            found["teacher"] = f"{folder}/network.safetensors"
        if "basis" in train_on:
            found["vectors"] = f"{folder}/bases/{train_on['basis']}.zarr.zip"
        return found

    def class_file_of(self, wildcards):
        """Input: the file of class names of an imported network, if any."""
        classes = experiment_settings(self.config, wildcards.experiment, "networks")["classes"]
        return [classes] if isinstance(classes, str) and classes != IMAGENET else []

    def basis_settings(self, wildcards):
        """Params: the settings of the job's basis, as its kind declares them."""
        kind = basis_kind(self.config, wildcards.experiment, wildcards.basis)
        return self.settings(*kind["settings"])(wildcards)

    def materials_of(self, wildcards):
        """Input: the materials of the job's basis."""
        kind, folder = basis_kind(self.config, wildcards.experiment, wildcards.basis), f"results/{wildcards.experiment}"
        match kind["from"]:
            case "network" | "architecture":
                return {part: self.material(part, wildcards) for part in ("dataset", "network")}
            case "perturbations":
                return {"perturbations": f"{folder}/perturbations/{kind['of']}.zarr.zip"}
            case "basis":
                return {"basis": f"{folder}/bases/{kind['of']}.zarr.zip"}
            case "experiment":
                other = counterpart(self.config, wildcards.experiment, kind["of"])
                return {"basis": f"results/{other}/bases/{kind['basis']}.zarr.zip"}
            case part:
                return {part: self.material(part, wildcards)}

    def network_passes(self, wildcards):
        """Return whether the job's basis is made by passes of a network."""
        return basis_kind(self.config, wildcards.experiment, wildcards.basis)["from"] in ("network", "architecture")

    def image_folders(self, wildcards):
        """Params: a digest of the class folders of a folder of images; added or removed images change it."""
        folder = self.config["datasets"][wildcards.dataset].get("folder")
        found = sorted(path for path in Path(folder).glob("*/*") if path.is_dir()) if folder else []
        # A renamed folder keeps its modification time; a replaced folder has another inode number.
        states = "".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_ino}\n" for path in found)
        return hashlib.sha256(os.fsencode(states)).hexdigest()[:12]

    def perturbation_shards(self, wildcards):
        """Input: the stores of all shards of the perturbations by the job's attack."""
        shards = self.attack_settings(wildcards)["perturbations"]["shards"]
        folder = f"results/{wildcards.experiment}/perturbations/{wildcards.attack}"
        return [f"{folder}/shard-{shard}.zarr.zip" for shard in range(shards)]

    def curvature_settings(self, wildcards):
        """Params: curvature, with the number of shards limited to the number of classes."""
        section, boundary = (
            experiment_settings(self.config, wildcards.experiment, name) for name in ("curvature", "boundary")
        )
        classes = boundary["classes"]
        known = known_classes(self.dataset_section(wildcards.experiment)) if classes == "all" else len(classes)
        section["shards"] = min(section["shards"], known or section["shards"])
        return {"seed": self.config["seed"], "curvature": section}

    def boundary_settings(self, wildcards):
        """Params: boundary, DeepFool's options, and the number of shards of the classes."""
        shards = self.curvature_settings(wildcards)["curvature"]["shards"]
        return {**self.settings("boundary", "perturbations.deepfool")(wildcards), "curvature": {"shards": shards}}

    def shards_of(self, stage):
        """Input: the stores of all shards of a stage, boundary or curvature, of the job's experiment."""

        def of_job(wildcards):
            shards = self.curvature_settings(wildcards)["curvature"]["shards"]
            return [f"results/{wildcards.experiment}/{stage}/shard-{shard}.zarr.zip" for shard in range(shards)]

        return of_job

    def spectra_of(self, kind):
        """Input: the stores of one kind of spectrum, if the experiment's figure shows it."""

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
        """Input: for each side, the singular vectors of the perturbations behind the resampling unit."""
        size = image_shape(self.dataset_section(wildcards.experiment))[1]
        sides = sampled_sides(experiment_settings(self.config, wildcards.experiment, "resampling")["sides"], size)
        names = ["deepfool-high" if side == size else f"deepfool-high-{side}px" for side in sides]
        return [f"results/{wildcards.experiment}/bases/{name}.zarr.zip" for name in names]

    def own_code(self, wildcards):
        """Return digests of the functions of the job's network, unless they belong to a library: its body, its loss."""
        section = experiment_settings(self.config, wildcards.experiment, "networks")
        kinds = {**declared("architectures"), **declared("robust")}
        places = [
            kinds.get(name, {"make": name})["make"] for name in (section["architecture"], section["robust"]) if name
        ]
        return [code_at(place, self.folder) for place in places if ":" in place]

    def attack_code(self, wildcards):
        """Return a digest of the job's attack function."""
        kind, _ = attack_kind(self.config, wildcards.experiment, wildcards.attack)
        return code_of_kind(kind, self.folder)

    def basis_code(self, wildcards):
        """Return digests of the function that makes the job's basis and of the function that reads its materials."""
        kind = basis_kind(self.config, wildcards.experiment, wildcards.basis)
        return code_of_kind(kind, self.folder, reader_of(kind))

    def own_files(self, wildcards):
        """Return :meth:`own_code` and digests of an imported network's files, unless another experiment made them."""
        given = [*self.weights_of(wildcards), *self.class_file_of(wildcards)]
        return [*self.own_code(wildcards), *(file_digest(path) for path in given if not is_result(path))]

    def code_of(self, script, own=lambda wildcards: []):
        """Params: a digest of the code that a script runs, so that editing the code reruns the jobs.

        Args:
            script: the name of the job's script.
            own: a function of the wildcards that returns digests of the user's own files.
        """
        code = digest_of_code(
            [Definition(self.folder / "scripts" / f"{script}.py", "main")], (self.folder, self.folder / "scripts")
        )

        def of_job(wildcards):
            return hashlib.sha256(" ".join([code, *own(wildcards)]).encode()).hexdigest()[:12]

        return of_job

    def gigabytes(self, base, copies=0.0):
        """Resource ``mem``: a base plus ``copies`` of the experiment's largest basis, times the attempt."""

        def of_job(wildcards, attempt):
            return f"{math.ceil(attempt * (base + copies * self.basis_gigabytes(wildcards.experiment)))}GB"

        return of_job

    def training_gigabytes(self, wildcards, attempt):
        """Resource ``mem`` of a training job, which holds all images as bytes."""
        images = sum(known_images(self.dataset_section(wildcards.experiment)).values())
        return f"{math.ceil(attempt * (8 + 1e-9 * images * self.pixels_of(wildcards.experiment)))}GB"

    def hours(self, base):
        """Resource ``runtime``: doubled for images of ImageNet's size, times the attempt, at most a day."""

        def of_job(wildcards, attempt):
            return f"{min(24, math.ceil(attempt * base * (1 + self.pixels_of(wildcards.experiment) / 150_000)))}h"

        return of_job

    def pixels_of(self, experiment):
        """Return d, the number of pixel values of an experiment's images."""
        return math.prod(image_shape(self.dataset_section(experiment)))

    def basis_gigabytes(self, experiment):
        """Return the size of an experiment's largest basis in float64, in gigabytes."""
        pixels, bases = self.pixels_of(experiment), experiment_settings(self.config, experiment, "bases")
        perturbations = experiment_settings(self.config, experiment, "perturbations")["images"]
        columns = max(bases["directions"] or pixels, bases["pca_images"], perturbations)
        return 8e-9 * pixels * min(pixels, columns)

    def threads_of_job(self, wildcards):
        """Threads: those of the job's experiment."""
        return threads_of(self.config, wildcards.experiment)
