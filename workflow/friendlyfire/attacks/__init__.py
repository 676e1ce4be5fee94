"""Adversarial attacks: ``attack(network, images, ...)`` -> perturbations with a status per image."""

SECTIONS = {
    "perturbations": {
        "description": "adversarial perturbations",
        "options": {
            "images": {
                "default": 5000,
                "type": "integer",
                "minimum": 1,
                "description": (
                    "how many of the images that make directions are attacked, in addition to all "
                    "held-out images; their DeepFool perturbations are decomposed"
                ),
            },
            "shards": {
                "default": 1,
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "description": "number of jobs that the images are divided into; it does not affect any result",
            },
        },
    },
}
