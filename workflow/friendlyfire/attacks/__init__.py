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
                    "how many of the images that make directions are attacked, beside all held-out "
                    "ones; their DeepFool perturbations are decomposed"
                ),
            },
            "shards": {
                "default": 1,
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "description": "jobs that share the images; they change no result",
            },
        },
    },
}
