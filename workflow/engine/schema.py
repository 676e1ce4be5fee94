"""The schema of the configuration: experiments and data sets from a file, the stages from their declarations."""

import copy
from collections.abc import Mapping
from typing import Any

from snakemake.utils import update_config

from engine.twins import with_twins
from friendlyfire.declarations import declared, sections

#: Sections with the keys of all kinds of a noun.
SHARED = {
    "figures": {"description": "what each figure shows", "options": {}},
    "pages": {"description": "what each page shows", "options": {}},
}


def stages() -> dict[str, dict[str, Any]]:
    """Return the sections that an experiment may override: by name, a description and the JSON schema of each key.

    The keys of all figures are in one section, as those of all pages are. The options of the attacks are in the section
    ``perturbations``, and those of robust training in the section ``networks``.
    """
    found = {**sections(), **declared("measures"), **SHARED}
    stages = {
        name: {"description": kind["description"], "options": {**kind["options"]}} for name, kind in found.items()
    }
    for noun in SHARED:
        for kind in declared(noun).values():
            stages[noun]["options"].update(kind.get("options", {}))
    for name, kind in declared("attacks").items():
        stages["perturbations"]["options"][name] = attack_section(kind)
    networks, kinds = stages["networks"]["options"], declared("robust")
    about = networks["robust"]["description"].replace("{robust}", ", ".join(kinds))
    networks["robust"] = {**networks["robust"], "enum": [None, *kinds], "description": about}
    networks.update({name: attack_section(kind) for name, kind in kinds.items()})
    return stages


def attack_section(kind: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of an attack's options; a family of named attacks accepts any options for each name."""
    options = kind.get("options", {})
    rules = {"type": "object", "description": kind["description"]}
    if "named" in kind:
        return {**rules, "default": {}, "additionalProperties": {"type": "object", "description": kind["named"]}}
    # An option without a default is absent unless it is given, so that older results remain what they are.
    defaults = {name: option["default"] for name, option in options.items() if "default" in option}
    return {**rules, "default": defaults, "additionalProperties": False, "properties": options}


def with_stages(skeleton: Mapping[str, Any]) -> dict[str, Any]:
    """Return the full schema: the skeleton, with a section per stage at the top level and in each experiment."""
    schema = copy.deepcopy(dict(skeleton))
    architectures = list(declared("architectures"))
    for name, stage in stages().items():
        door = schema["$defs"].get(name, {"additionalProperties": False})
        schema["$defs"][name] = {
            **{"type": "object", "description": stage["description"], "properties": stage["options"]},
            **door,
        }
    for name in schema["$defs"]:
        for place in (schema, schema["properties"]["experiments"]["additionalProperties"]):
            place["properties"][name] = {"$ref": f"#/$defs/{name}"}
    architecture = schema["$defs"]["networks"]["properties"]["architecture"] = dict(
        schema["$defs"]["networks"]["properties"]["architecture"]
    )
    architecture["pattern"] = architecture["pattern"].replace("{architectures}", "|".join(architectures))
    architecture["description"] = architecture["description"].replace("{architectures}", ", ".join(architectures))
    return schema


def with_defaults(config: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given configuration on top of the shipped one, on top of the declared defaults."""
    whole = {"attacks": {}}
    for name, stage in stages().items():
        whole[name] = {key: copy.deepcopy(rules["default"]) for key, rules in stage["options"].items()}
    for layer in (shipped, config):
        update_config(whole, layer)
    return {**whole, "experiments": with_twins(whole["experiments"])}
