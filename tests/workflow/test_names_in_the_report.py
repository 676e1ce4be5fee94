"""Names that look like markup, and two repetitions: the report shows names as text, and each repetition's numbers."""

import shutil

import pytest
import yaml
from PIL import Image

from conftest import Workflow
from friendlyfire.records.tables import read_table
from hovering import listen, only, read, wait

#: Names of the classes, as a folder can have them, and the label of a basis.
CLASSES = ['<b>&"x"', "*two* |x| `y`_", r"$\frac$ _three_", "<script>alert(4)<script>"]
LABEL = '<b>&"x"</b><script>alert(1)</script>$$x$$'

#: A short run.
CONFIG = {
    "suite": "named",
    "suites": {"named": ["named-lenet"]},
    "datasets": {"named": {"source": "folder", "folder": "named", "size": 8, "channels": 1}},
    "experiments": {
        "named-lenet": {
            "dataset": "named",
            "seeds": 2,
            "threads": 1,
            "networks": {"architecture": "lenet", "epochs": 5},
            "perturbations": {"images": 90},
            "boundary": {"images": 8},
            "bases": {"means": {"make": "mykinds:class_means", "from": "dataset", "label": LABEL, "colour": "#123456"}},
            "accuracy": {"ranks": 6, "directions_per_class": 4},
            "fractions": {"attacks": ["deepfool"]},
            "scores": {"images": 40, "steps": 9, "anchored_images": 10, "curves": 10},
            "figures": {"fig3": ["curvature-positive", "means"], "fig4": ["deepfool-high", "means"]},
            "claims": {"tested": ["identity-positive"], "draws": 100},
        }
    },
}
FIGURES = ("fig1", "fig3", "fig4", "coupling", "scorecard")

MODULE = """
import numpy as np


def class_means(images, labels):
    return np.stack([images[labels == c].mean(0) for c in np.unique(labels)], axis=1)
"""


@pytest.fixture(scope="module")
def named(tmp_path_factory, digits, browser):
    """The folder of a run on four digits with such names."""
    workflow = Workflow(tmp_path_factory.mktemp("named") / "ff")
    for split, (images, labels) in digits.items():
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            if label < len(CLASSES):
                folder = workflow.folder / "named" / split / CLASSES[label]
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image[0].numpy()).save(folder / f"{i}.png")
    (workflow.folder / "mykinds.py").write_text(MODULE)
    (workflow.folder / "mine.yaml").write_text(yaml.safe_dump(CONFIG))
    workflow.run(*FIGURES, "--configfile", "mine.yaml")
    workflow.run("--report", "report.zip", *FIGURES, "--configfile", "mine.yaml")
    shutil.unpack_archive(workflow.folder / "report.zip", workflow.folder)
    return workflow.folder


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    listen(page)
    page.on("dialog", lambda dialog: page.heard.append(dialog.message))
    return page


def caption_of(page, named, section, figure):
    """The words and the elements of a caption in the report."""
    (index,) = named.rglob("report.html")
    page.goto(index.as_uri())
    page.get_by_text(section, exact=True).first.click()
    row = page.locator("tbody tr").filter(has=page.get_by_role("cell", name=figure, exact=True)).first
    row.locator("a[iconname=information-circle]").click()
    caption = page.locator(".prose-invert")
    return caption.inner_text(), set(caption.evaluate("e => [...e.querySelectorAll('*')].map((part) => part.tagName)"))


def test_a_caption_shows_the_name_of_a_class(page, named, tmp_path):
    text, elements = caption_of(page, named, "4.1 Class identity along directions", "Figure 1")
    page.screenshot(path=tmp_path / "caption.png")
    shown = read_table(named / "results/figures/fig1.csv")["class"].iloc[0]
    assert shown in CLASSES
    assert f"named-lenet: {shown}, " in text
    assert elements <= {"P", "DIV"}
    assert page.heard == []


def test_a_table_shows_the_names_of_the_classes(named):
    assert read_table(named / "results/named-lenet/quality.csv")["class"].tolist() == sorted(CLASSES)


def test_labels_are_text_in_an_interactive_figure_and_each_repetition_has_its_row(page, named, tmp_path):
    page.goto((named / "results/figures/fig4.html").as_uri())
    wait(page)
    page.screenshot(path=tmp_path / "fig4.png")
    table = read_table(named / "results/figures/fig4.csv").query("basis == 'means' and split == 'test' and rank > 0")
    assert set(table["seed"]) == {0, 1}
    with only(page, LABEL), only(page, "measured images"), only(page, "single repetitions"):
        for row in table.itertuples():
            said = read(page, "named-lenet: accuracy (%) against number of directions", row.rank, 100 * row.accuracy)
            own = f"accuracy {100 * row.accuracy:.2f} % (95 %: {100 * row.ci_low:.2f} to {100 * row.ci_high:.2f})"
            assert (
                f"{LABEL}\n{own}\ndirections: {row.rank} in all\n{row.images} measured images, seed {row.seed}" in said
            )
    with only(page, LABEL), only(page, "measured images"), only(page, "means over repetitions"):
        for rank, rows in table.groupby("rank"):
            value = 100 * rows["accuracy"].mean()
            said = read(page, "named-lenet: accuracy (%) against number of directions", rank, value)
            assert f"accuracy {value:.2f} % (95 %: " in said
            assert "mean of 2 repetitions" in said
            assert "seed" not in said
    assert page.heard == []
