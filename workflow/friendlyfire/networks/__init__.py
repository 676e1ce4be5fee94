"""Classifiers: architectures, training, loading, and checks that a network is the expected one."""

SECTIONS = {
    "networks": {
        "description": "the classifier: its architecture, and its training or its weights",
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
                    "means), none, {mean: [...], std: [...]} for pixels in [0, 1], or null. null means "
                    "dataset for a network that is trained here, the published normalisation for "
                    "published weights, and the stored one for a network that this project saved; any "
                    "other weights file needs a value"
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
                                "items": {"type": "number", "minimum": 0, "maximum": 1},
                                "description": "one number a channel, of pixels in [0, 1]",
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
                    "null to train; a safetensors or state-dict file, including "
                    "results/<experiment>/network.safetensors of another experiment; or "
                    "published, for the weights that torchvision or timm download"
                ),
            },
            "classes": {
                "default": None,
                "description": (
                    "names of the network's classes in the order of its logits, for imported weights "
                    "with more classes than the images or with another order: a list, a text file "
                    "with one name per line, or imagenet (1,000 WordNet ids). They must include the "
                    "names of the class folders; the sub-network of these logits is analysed. null if "
                    "the logits are the sorted class folders"
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
                    "known test accuracy of the network; the network is rejected if the 95 % interval "
                    "of its accuracy does not contain this value; null accepts any accuracy above chance"
                ),
            },
            "accuracy_tolerance": {
                "default": 0.02,
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "widening of that interval at each end",
            },
            "at_chance": {
                "default": "refuse",
                "enum": ["refuse", "accept"],
                "description": (
                    "whether a network is refused that is no better than the constant guess of the most frequent class"
                ),
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
                "description": "images per training step",
            },
            "learning_rate": {
                "default": 0.02,
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "peak learning rate, reached after a fifth of the training",
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
                "description": "weight decay of all weights",
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
                "description": "largest random shift of training images, in pixels",
            },
            "mixed_precision": {
                "default": True,
                "enum": [True, False, "always"],
                "description": (
                    "train in bfloat16 on CUDA, unless robust; always: on CPUs too, which is twice as fast where they "
                    "have AMX and slower elsewhere; everything after the training is float32"
                ),
            },
            "train_on": {
                "default": None,
                "description": "null to train on the images as they are, or how another network changes them first",
                "anyOf": [
                    {"type": "null"},
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["of", "images"],
                        "properties": {
                            "of": {"type": "string", "description": "name of the experiment of that network"},
                            "images": {
                                "enum": ["without-directions", "attacks", "noise"],
                                "description": (
                                    "without the first directions of its basis; or with attacks on it towards a random "
                                    "class, as which they are labelled; or the same with noise as long as the attacks"
                                ),
                            },
                            "basis": {
                                "type": "string",
                                "description": "a basis of that experiment, to remove or to confine attacks to",
                            },
                            "rank": {"type": "integer", "minimum": 1, "description": "number of its directions"},
                            "everywhere": {
                                "type": "boolean",
                                "description": (
                                    "without-directions: false removes them from the training images alone, true from "
                                    "all that the network is ever shown, by a unit in front of it; false unless given"
                                ),
                            },
                            "radius": {
                                "type": "number",
                                "exclusiveMinimum": 0,
                                "description": "L2 norm that attacks stay within, pixels in [0, 1]",
                            },
                            "steps": {
                                "type": "integer",
                                "minimum": 1,
                                "description": "gradients per attacked image; 40 unless given",
                            },
                        },
                    },
                ],
            },
            "robust": {
                "default": None,
                "description": (
                    "robust training: {robust}, with the options of that name; null for training on the images as "
                    "they are"
                ),
            },
            "robustness": {
                "default": {"norm": None, "radius": None, "images": 500, "steps": 20, "restarts": 2},
                "type": "object",
                "description": "accuracy under attack, measured after each epoch",
                "additionalProperties": False,
                "properties": {
                    "norm": {
                        "enum": ["l2", "linf", None],
                        "description": "norm of the ball around each image; null for that of pgd or fast, else l2",
                    },
                    "radius": {
                        "type": ["number", "null"],
                        "exclusiveMinimum": 0,
                        "description": (
                            "radius of the ball, pixels in [0, 1]; null for that of pgd or fast; otherwise null "
                            "measures nothing"
                        ),
                    },
                    "images": {"type": "integer", "minimum": 10, "description": "number of measured images to attack"},
                    "steps": {"type": "integer", "minimum": 1, "description": "gradients per image and attack"},
                    "restarts": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "attacks per image; the first starts at the image, the others at random",
                    },
                },
            },
        },
    },
}
