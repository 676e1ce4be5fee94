"""Cards in a browser: their numbers are those of the tables; networks on the command line; what not to trust."""

import math
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from conftest import Workflow
from friendlyfire.measures.ranks import crossing
from own_network import block, train_elsewhere, write_images

#: Counts of a short run; five images per boundary determine no curvature.
SHORT = (
    "boundary={images: 5}",
    "perturbations={images: 300, uap: {count: 2, images: 20, max_passes: 1}}",
    "accuracy={ranks: 6, directions_per_class: 4}",
    "scores={images: 40, steps: 9, anchored_images: 10, curves: 10}",
    "confinement={images: 20, ranks: 3}",
    "resampling={images: 20, sides: [1.0, 0.66], factors: [1, 5]}",
    "slopes={images: 10}",
    "claims={tested: [identity-positive, few-suffice, svd-orders, confined-inverse], draws: 100}",
)


@pytest.fixture(scope="module")
def own(tmp_path_factory, digits):
    """A folder with the documentation's network, digits as images of classes alone, and weights of two networks."""
    workflow = Workflow(tmp_path_factory.mktemp("card") / "ff")
    (workflow.folder / "mynets.py").write_text(block("README.md", "python", "class SmallNet"))
    images = workflow.folder / "my images"
    write_images(images, digits)
    trained = workflow.folder / "trained.safetensors"
    train_elsewhere(workflow.folder, images, trained)
    # The classes of its logits in another order: the same network, and no better than chance.
    mixed = {
        name: value.roll(1, 0) if name.startswith("classify.") else value for name, value in load_file(trained).items()
    }
    save_file(mixed, workflow.folder / "mixed.safetensors")
    shutil.rmtree(images / "train")
    for folder in (images / "test").iterdir():
        folder.rename(images / folder.name)
    (images / "test").rmdir()
    return workflow


@pytest.fixture(scope="module")
def compared(own):
    """The card of the trained network beside the one with mixed classes, and what the run printed."""
    network = ("network=mynets:small_net", "weights=trained.safetensors", "normalisation=none", "images=my images")
    other = "compare={network: 'mynets:small_net', weights: mixed.safetensors, normalisation: none}"
    printed = own.run("card", "--config", *network, other, *SHORT)
    return own.folder / "results/cards/small-net-trained-my-images.html", printed


def opened(browser, path, **look):
    """Open a page, which must ask for nothing and complain of nothing."""
    page = browser.new_page(**look)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.asked.append(message.text))
    page.on("pageerror", lambda error: page.asked.append(str(error)))
    page.goto(path.as_uri())
    return page


def test_numbers_of_the_demo_are_those_of_its_tables(demo, browser):
    page = opened(browser, demo.folder / "results/cards/digits-lenet.html")
    verdicts = pd.read_csv(demo.folder / "results/figures/scorecard.csv")
    rows = page.locator("tbody tr").all_inner_texts()
    assert len(rows) == len(verdicts)
    for text, row in zip(rows, verdicts.itertuples(), strict=True):
        assert row.statement.rstrip(".") in text
        assert f"{row.verdict}\t{row.estimate:.2f} ({row.ci_low:.2f} to {row.ci_high:.2f})" in text
    holding = (verdicts["verdict"] == "holds").sum()
    assert f"Of {len(verdicts)} claims: {holding} holds, " in page.inner_text("main")
    network = pd.read_csv(demo.folder / "results/digits-lenet/network.csv").iloc[0]
    assert f"{100 * network.accuracy:.1f} % (95 % interval" in page.inner_text("dl")
    assert "mean image; deviation" in page.inner_text("dl")
    accuracy = pd.read_csv(demo.folder / "results/figures/fig4.csv").query(
        "split == 'test' and basis == 'deepfool-high'"
    )
    (there,) = crossing(
        accuracy["rank"].to_numpy()[1:], accuracy["accuracy"].to_numpy()[None, 1:], np.array([0.9 * network.accuracy])
    )
    first = math.ceil(there)
    assert f"The {first} directions along which it is fooled most (of 64) restore 90 %" in page.inner_text(".summary")
    sentences = " ".join(page.locator("figcaption").all_inner_texts())
    assert f"DeepFool, high to low: {first};" in sentences
    spectra = pd.read_csv(demo.folder / "results/figures/spectrum.csv")
    assert f"span {(spectra['spectrum'] == 'deepfool').sum()} of 64 directions" in sentences
    gaps = pd.read_csv(demo.folder / "results/figures/coupling-distances.csv")
    assert f"{100 * gaps.loc[gaps['gap'].abs().idxmax(), 'gap']:+.1f} points" in sentences


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_a_card_is_accessible_and_asks_for_nothing(demo, browser, scheme, width, tmp_path):
    from axe_playwright_python.sync_playwright import Axe

    path = demo.folder / "results/cards/digits-lenet.html"
    assert path.stat().st_size < 3e6
    page = opened(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.screenshot(path=tmp_path / "card.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    pictures = page.locator("figure img")
    assert pictures.count() == 4
    assert all(picture.evaluate("e => e.naturalWidth > 100 && e.alt.length > 40") for picture in pictures.all())
    assert Axe().run(page).response["violations"] == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []


def test_a_request_tells_its_counts_and_its_time_first(compared):
    _, printed = compared
    told, _, jobs = printed.partition("rule fetch_dataset")
    assert "small-net-trained-my-images: about" in told
    assert "minutes on this machine. Counts: boundary: classes all" in told
    assert jobs


def test_two_networks_are_on_one_page_and_each_says_what_not_to_trust(compared, browser):
    page = opened(browser, compared[0])
    trained, mixed = page.locator("article").all_inner_texts()
    assert "small-net-trained-my-images" in trained
    assert "my-images, 16 x 16 pixels, grey" in trained
    assert "points per class (median): raise boundary.images" in trained
    assert "not to be trusted" in trained
    assert "at chance" not in trained
    assert "This network is no better than a constant guess" in mixed
    assert "The network is at chance: check its weights" in mixed


def test_another_count_keeps_what_it_can(own, compared):
    network = ("network=mynets:small_net", "weights=trained.safetensors", "normalisation=none", "images=my images")
    other = "compare={network: 'mynets:small_net', weights: mixed.safetensors, normalisation: none}"
    counts = [count.replace("confinement={images: 20", "confinement={images: 30") for count in SHORT]
    again = own.planned("card", "--config", *network, other, *SHORT)
    assert again == set()
    planned = own.planned("card", "--config", *network, other, *counts)
    assert "measure_confinement" in planned
    assert planned.isdisjoint({"decompose_curvature", "perturb_images", "measure_accuracy", "make_basis"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["network=lenet"], "network=lenet needs images=... too"),
        (["images=my images"], "images=my images needs network=... too"),
        (["network=lenet", "images=nowhere"], "nowhere is neither a folder nor a data set; choose from digits, mnist"),
        (["network=mynets:small_net", "images=my images"], "network=mynets:small_net needs weights=<file> too"),
        (["network=timm/resnet19", "images=my images"], "timm has no network 'resnet19'; did you mean resnet18"),
        (["network=mynets:huge_net", "weights=w.pt", "images=my images"], "does not define 'huge_net'"),
        (["network=lenet", "images=my images", "compare={weights: w.pt}"], "compare: needs the key network"),
        (["network=lenet", "images=my images", "compare=lenet"], "compare: both would be called lenet-my-images; give"),
        (["network=lenet", "images=my images", "name=digits-lenet"], "name: digits-lenet is an experiment of config"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line_before_any_job(own, given, told):
    printed = own.run("card", "--config", *given, fails=True)
    (line,) = [line for line in printed.splitlines() if line.startswith("config: ")]
    assert told in line
