"""A user's own network and images: the README's module, digits as a folder, and weights that are trained elsewhere."""

import re
import sys

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from conftest import REPOSITORY


def block(page, language, containing):
    """Return the code block of a page in ``language`` that contains a text."""
    text = (REPOSITORY / page).read_text()
    (found,) = [block for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if containing in block]
    return found


def write_images(folder, digits):
    """Write the digits as images of 16 pixels, {train,test}/<class>/*."""
    for split, (images, labels) in digits.items():
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = folder / split / f"digit {label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0].numpy()).resize((16, 16)).save(place / f"{i}.png")


def train_elsewhere(module_folder, images, weights):
    """Train the README's network without Friendly Fire, and save its state dict."""
    sys.path.insert(0, str(module_folder))
    try:
        from mynets import small_net
    finally:
        sys.path.pop(0)
    files = sorted((images / "train").glob("*/*.png"))
    names = sorted({file.parent.name for file in files})
    pixels = torch.stack([torch.from_numpy(np.array(Image.open(file)))[None].float() / 255 for file in files])
    labels = torch.tensor([names.index(file.parent.name) for file in files])
    network = small_net(len(names))
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(8):
        for batch in torch.randperm(len(pixels)).split(32):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(pixels[batch]), labels[batch]).backward()
            optimiser.step()
    save_file(network.state_dict(), weights)
