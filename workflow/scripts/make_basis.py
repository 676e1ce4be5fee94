"""Make a basis from its materials: orthonormal directions in their order."""

from engine.job import run

import inspect
import logging
from contextlib import ExitStack

import numpy as np

from engine.kinds import basis_kind, reader_of
from engine.notes import made
from friendlyfire.bases.basis import Basis, as_basis
from friendlyfire.bases.materials import Materials
from friendlyfire.declarations import Kind, function_at
from friendlyfire.records.errors import BasisError, FriendlyFireError, in_a_line
from friendlyfire.records.seeds import derive_seed
from friendlyfire.records.stores import create_store


def main(inputs, outputs, settings):
    name, experiment = settings["basis"], settings["experiment"]
    kind = basis_kind(settings["config"], experiment, name)
    seed = derive_seed(settings["seed"], "bases", experiment, name)
    with ExitStack() as stores:
        materials, about = function_at(reader_of(kind))(inputs, settings, kind, stores)
        basis = basis_of(kind, name, {**materials, "seed": lambda: seed})
    logging.info("rank %d of %d", *basis.vectors.shape[::-1])
    units = f"vectors: unit norm; scores: {kind['scores']}"
    record = {"experiment": experiment, "basis": name, **about, **made(settings), "units": units}
    with create_store(outputs.basis, "basis", record) as store:
        store.array("vectors", basis.vectors, axis=1)
        store.array("scores", basis.scores)
        store.array("rounds", basis.rounds)


def basis_of(kind: Kind, name: str, materials: Materials) -> Basis:
    """Call the function of a kind with the materials that its parameters name.

    Raises:
        BasisError: the user's function fails, or does not return directions.
    """
    function = function_at(kind["make"])
    wanted = inspect.signature(function).parameters
    arguments = {parameter: read() for parameter, read in materials.items() if parameter in wanted}
    arguments.update(kind.get("with", {}))
    if not kind.get("own"):
        found = function(**arguments)
        return found if isinstance(found, Basis) else Basis(found, np.ones(found.shape[1]))
    place = f"bases.{name}: {kind['make']}"
    try:
        found = function(**arguments)
    except FriendlyFireError:
        raise
    except Exception as error:
        raise BasisError(f"{place} fails: {in_a_line(error)}") from error
    return as_basis(found, materials["pixels"](), place)


if "snakemake" in globals():
    run(main, snakemake)  # noqa: F821
