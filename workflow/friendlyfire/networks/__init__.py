"""Classifiers: architectures, training, loading, and whether one is what it is said to be."""

SECTIONS = {
    "networks": {
        "description": "the classifier, and how it is trained or where its weights are",
        "options": {
            "architecture": {
                "default": "lenet",
                "type": "string",
                "pattern": (
                    "^({architectures}|(torchvision|timm)/[A-Za-z0-9_.-]+|[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*)$"
                ),
                "description": ("{architectures}, torchvision/<name>, timm/<name>, or your own package.module:factory"),
            },
            "width": {
                "default": 1.0,
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 16,
                "description": "factor on the number of filters of lenet, nin and alexnet",
            },
            "activation": {
                "default": "relu",
                "enum": ["relu", "softplus", "gelu"],
                "description": "of lenet, nin and alexnet; softplus and gelu are smooth",
            },
            "pooling": {
                "default": "max",
                "enum": ["max", "average"],
                "description": "of lenet, nin and alexnet; average is smooth",
            },
            "normalisation": {
                "default": None,
                "description": (
                    "dataset (subtract the mean image, divide by the deviation), imagenet (channel "
                    "means), none, {mean: [...], std: [...]} for pixels in [0, 1], or null: dataset "
                    "for a network that is trained here; with published weights, what is published "
                    "with them; with a network that this project saved, its own; with any other file "
                    "of weights it must be given"
                ),
                "anyOf": [
                    {"enum": ["dataset", "imagenet", "none", None]},
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["mean", "std"],
                        "properties": {
                            "mean": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 3,
                                "items": {"type": "number"},
                                "description": "one number a channel",
                            },
                            "std": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 3,
                                "items": {"type": "number", "exclusiveMinimum": 0},
                                "description": "one number a channel",
                            },
                        },
                    },
                ],
            },
            "weights": {
                "default": None,
                "type": ["string", "null"],
                "description": (
                    "null to train; a safetensors or state-dict file, "
                    "results/<experiment>/network.safetensors of another experiment among them; or "
                    "published, for the weights that torchvision or timm download"
                ),
            },
            "classes": {
                "default": None,
                "description": (
                    "for weights that are given: names of the network's classes in the order of its "
                    "logits, if these are more than the classes of the images or stand in another "
                    "order: a list, a text file with one name a line, or imagenet (1,000 WordNet "
                    "ids); the names of the class folders must be among them, and what is analysed is"
                    " the sub-network of their logits; null if the logits are the sorted class "
                    "folders"
                ),
                "anyOf": [
                    {"type": ["string", "null"], "minLength": 1},
                    {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": ["string", "integer"]}},
                ],
            },
            "expected_accuracy": {
                "default": None,
                "type": ["number", "null"],
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": (
                    "test accuracy that the network is known to have; it is refused if its 95 % "
                    "interval does not contain it; null for any above chance"
                ),
            },
            "accuracy_tolerance": {
                "default": 0.02,
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "by how much that interval is widened at either end",
            },
            "epochs": {
                "default": 10,
                "type": "integer",
                "minimum": 1,
                "description": "passes over the training images",
            },
            "batch_size": {
                "default": 64,
                "type": "integer",
                "minimum": 1,
                "description": "images in a step of the training",
            },
            "learning_rate": {
                "default": 0.02,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "at its peak, a fifth of the way through",
            },
            "momentum": {
                "default": 0.9,
                "type": "number",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1,
                "description": "Nesterov momentum",
            },
            "weight_decay": {
                "default": 0.0005,
                "type": "number",
                "minimum": 0,
                "description": "of all weights",
            },
            "flip": {
                "default": False,
                "type": "boolean",
                "description": "whether training images are mirrored at random",
            },
            "crop_padding": {
                "default": 0,
                "type": "integer",
                "minimum": 0,
                "maximum": 64,
                "description": "pixels by which training images are moved at random, at most",
            },
            "mixed_precision": {
                "default": True,
                "type": "boolean",
                "description": "train in bfloat16 on CUDA; everything after the training is float32",
            },
        },
    },
}
