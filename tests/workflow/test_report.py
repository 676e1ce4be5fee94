"""The report in a browser: every figure and table in its section, with its labels, caption and picture."""

import random
import shutil

import numpy as np
import pytest

from friendlyfire.figures.redrawn import ATTACKS, LEGEND
from friendlyfire.records.tables import read_table
from hovering import DRAWN, listen, only, read, wait

#: For each section, in the order of the paper, the required figures and tables, and their forms.
SECTIONS = {
    "3 Curvature": {"Spectra": {"chart", "numbers"}, "Quality of the curvature": {"numbers"}},
    "4 Networks": {"Learning curves": {"chart", "numbers"}},
    "4.1 Class identity along directions": {
        "Figure 1": {"chart", "numbers"},
        **{figure: {"chart", "numbers", "form of the curves"} for figure in ("Figure 2", "Figure S1", "Figure S2")},
    },
    "4.2 Accuracy and dimensionality": {"Figure 3": {"chart", "interactive", "accuracy", "fractions of attacks"}},
    "4.3 Classification and attack": {
        "Figure 4": {"chart", "interactive", "numbers"},
        "Figure 5": {"chart", "numbers"},
        "Coupling": {"chart", "interactive", "numbers", "distances", "correlations"},
    },
    "4.4 Compression": {"Table 1": {"table", "numbers", "attacks through the unit"}},
    "5 Claims": {"Scorecard": {"chart", "interactive", "verdicts"}},
    "Card": {"Card": {"page"}},
    "Explorer": {"Explorer": {"page"}},
    "Provenance": {"Provenance of the results": {"table"}},
}


@pytest.fixture(scope="module")
def page(demo, browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    demo.run("--report", str(folder / "report.zip"))
    shutil.unpack_archive(folder / "report.zip", folder)
    (index,) = folder.rglob("report.html")
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.index = index
    listen(page)
    page.goto(index.as_uri())
    return page


def test_the_report_opens_with_what_it_is_about(page):
    assert "Who Needs Adversaries" in page.inner_text("body")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_shows_its_figures_and_tables(page, section, tmp_path):
    page.reload()
    page.get_by_text(section, exact=True).first.click()
    assert "digits-lenet\tlenet" in page.inner_text("table")
    for figure, forms in SECTIONS[section].items():
        for form in sorted(forms):
            row = page.locator("tbody tr").filter(has=page.get_by_role("cell", name=figure, exact=True))
            if page.locator("thead", has_text="shows").count():
                row = row.filter(has=page.get_by_role("cell", name=form, exact=True))
            else:  # in a section with one figure, its forms are a switch and not a column
                page.get_by_text(form, exact=True).first.click()
            assert row.count() == 1
            eye = row.locator("a[iconname=eye]")
            if eye.get_attribute("href") != "#":  # numbers are downloads
                assert (page.index.parent / eye.get_attribute("href")).stat().st_size > 100
            else:
                eye.click()
                shown = page.locator("img[src*=figures], img[src*=raw], iframe").last
                shown.wait_for()
                page.screenshot(path=tmp_path / f"{figure}.png")
                if shown.evaluate("e => e.tagName") == "IMG":
                    page.wait_for_function("e => e.naturalWidth > 500", arg=shown.element_handle())
                    assert shown.bounding_box()["y"] >= 0
                    assert shown.bounding_box()["y"] + shown.bounding_box()["height"] <= 1000
                else:
                    assert "digits-lenet" in shown.content_frame.locator("body").inner_text()


def test_a_caption_quotes_the_quality_record(page):
    page.reload()
    page.get_by_text("4.2 Accuracy and dimensionality", exact=True).first.click()
    page.locator("a[iconname=information-circle]").first.click()
    text = page.inner_text("body")
    assert "overlap of their span between two halves of the sample" in text
    assert "1,437 training images (in-sample) and 360 measured images" in text


def test_sections_are_in_the_order_of_the_paper(page):
    page.reload()
    *_, listed = page.locator("ul").first.inner_text().partition("RESULTS")
    assert [line for line in listed.splitlines() if line in SECTIONS] == list(SECTIONS)


def interactive(page, section, figure):
    """Open the interactive version of a figure in the report, and return its frame."""
    page.reload()
    page.heard.clear()
    page.get_by_text(section, exact=True).first.click()
    row = page.locator("tbody tr").filter(has=page.get_by_role("cell", name=figure, exact=True))
    row.filter(has=page.get_by_role("cell", name="interactive", exact=True)).locator("a[iconname=eye]").click()
    frame = page.locator("iframe").element_handle().content_frame()
    wait(frame)
    return frame


def some(table, seed, count=2):
    """Return rows of a table at random places."""
    return table.iloc[random.Random(seed).sample(range(len(table)), count)].itertuples()


def within(row, name, form, scale=1):
    """Return the interval of a number as it is written; there is none on training images."""
    low, high = (scale * getattr(row, f"{name}{end}") for end in ("ci_low", "ci_high"))
    return "(no interval)" if np.isnan(low) else f"(95 %: {low:{form}} to {high:{form}})"


@pytest.mark.parametrize(
    ("section", "figure", "name", "x", "label"),
    [
        ("4.2 Accuracy and dimensionality", "Figure 3", "fig3", "directions_per_class", "directions per class"),
        ("4.3 Classification and attack", "Figure 4", "fig4", "rank", "number of directions"),
    ],
)
def test_dots_show_the_accuracies_of_the_table(page, demo, tmp_path, section, figure, name, x, label):
    frame, table = interactive(page, section, figure), read_table(demo.folder / f"results/figures/{name}.csv")
    page.screenshot(path=tmp_path / "figure.png")
    plot, bases = f"digits-lenet: accuracy (%) against {label}", table["basis"].unique()
    for seed, basis in enumerate(bases):
        with only(frame, LEGEND[basis]["label"]):
            for row in some(table[table["basis"] == basis], seed):
                said = read(frame, plot, getattr(row, x), 100 * row.accuracy)
                assert f"accuracy {100 * row.accuracy:.2f} % {within(row, '', '.2f', 100)}" in said
                assert f"{row.rank} in all" in said
                assert f"{row.images:,} {'training' if row.split == 'train' else 'measured'} images" in said
                assert "seed 0" in said
                assert set(said.split("\n")) & {kind["label"] for kind in LEGEND.values()} == {LEGEND[basis]["label"]}
    assert page.heard == []


def test_dots_show_the_fractions_of_each_attack(page, demo):
    frame = interactive(page, "4.2 Accuracy and dimensionality", "Figure 3")
    table = read_table(demo.folder / "results/figures/fig3-fractions.csv")
    for seed, (attack, rows) in enumerate(table.groupby("attack", sort=False)):
        plot = f"digits-lenet: fraction of norm of {ATTACKS[attack]} inside against directions per class"
        for row in some(rows, seed, 1):
            with only(frame, LEGEND[row.basis]["label"]):
                said = read(frame, plot, row.directions_per_class, row.fraction)
                assert f"fraction {row.fraction:.3f} {within(row, '', '.3f')}" in said
                assert f"{row.perturbations} perturbations of " in said


def test_coupling_shows_accuracy_against_the_fraction_with_gaps_below(page, demo, tmp_path):
    frame = interactive(page, "4.3 Classification and attack", "Coupling")
    page.screenshot(path=tmp_path / "coupling.png")
    folder = demo.folder / "results/figures"
    lines, gaps = read_table(folder / "coupling.csv"), read_table(folder / "coupling-distances.csv")
    top = "digits-lenet: accuracy (%) against fraction of DeepFool's norm inside"
    for row in some(lines, 0, 4):
        with only(frame, LEGEND[row.basis]["label"]):
            said = read(frame, top, row.fraction, 100 * row.accuracy)
            assert f"accuracy {100 * row.accuracy:.2f} % {within(row, '', '.2f', 100)}" in said
            assert f"fraction {row.fraction:.3f} {within(row, 'fraction_', '.3f')}" in said
            assert f"{row.images} measured images, {row.perturbations} perturbations, seed 0" in said
    bottom = "digits-lenet: gap (points) against bases, in the order of the boxes"
    for place, row in enumerate(gaps.itertuples()):
        said = read(frame, bottom, place, 100 * row.gap)
        assert said.startswith(LEGEND[row.basis]["label"])
        assert f"gap {100 * row.gap:+.2f} points {within(row, 'gap_', '+.2f', 100)}" in said
    above, below = (frame.get_by_role("figure", name=name, exact=True).bounding_box() for name in (top, bottom))
    assert above["y"] + above["height"] <= below["y"]
    assert page.heard == []


def test_the_scorecard_shows_each_verdict_with_its_reason(page, demo, tmp_path):
    frame = interactive(page, "5 Claims", "Scorecard")
    page.screenshot(path=tmp_path / "scorecard.png")
    table = read_table(demo.folder / "results/figures/scorecard.csv")
    for place, row in enumerate(table.itertuples()):
        sign, scale = 1 if row.side == ">" else -1, max(abs(row.bound), 0.05)
        at = np.clip(sign * (row.estimate - row.bound) / scale, -1.5, 1.5)
        said = read(frame, "digits-lenet: distance from the bound,\nin units of it", at, place)
        assert said.startswith(row.statement)
        assert f"{row.claim}{f' ({row.part})' if isinstance(row.part, str) else ''}, section {row.section}: " in said
        assert f": {row.verdict}\n{row.estimate:.3f} {within(row, '', '.3f')}, claimed {row.side} {row.bound:g}" in said
        assert f"1 repetition, {row.images} images" in said
        assert not isinstance(row.reason, str) or said.endswith(row.reason)
    assert page.heard == []


def test_a_box_switches_its_lines_off_and_on_by_keyboard_too(page, demo):
    frame = interactive(page, "4.3 Classification and attack", "Figure 4")
    row = read_table(demo.folder / "results/figures/fig4.csv").query("basis == 'random' and split == 'test'").iloc[6]
    place = ("digits-lenet: accuracy (%) against number of directions", float(row["rank"]), 100 * row["accuracy"])
    drawn, said = frame.evaluate(DRAWN), read(frame, *place)
    assert "random (control)" in said
    frame.get_by_label("random (control)", exact=True).uncheck()
    assert frame.evaluate(DRAWN) == drawn - 3  # a band and two lines
    assert "random (control)" not in read(frame, *place)
    frame.get_by_label("random (control)", exact=True).focus()
    page.keyboard.press("Space")
    assert frame.evaluate(DRAWN) == drawn
    assert read(frame, *place) == said


@pytest.fixture
def alone(page, demo):
    """A function that opens the page of an interactive figure without the report, with a size and colours."""
    opened = []

    def open_alone(name, **look):
        context = page.context.browser.new_context(**look)
        opened.append(context)
        other = context.new_page()
        listen(other)
        other.goto((demo.folder / f"results/figures/{name}.html").as_uri())
        wait(other)
        return other

    yield open_alone
    for context in opened:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["fig3", "fig4", "coupling", "scorecard"])
def test_pages_are_accessible_in_light_and_dark(alone, tmp_path, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = alone(name, color_scheme=scheme)
    page.wait_for_timeout(200)
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    assert Axe().run(page).response["violations"] == []
    letters, paper = page.evaluate(
        """() => [[...Bokeh.documents[0]._all_models.values()].find((model) => model.type == "Figure").title.text_color,
            getComputedStyle(document.body).backgroundColor]"""
    )
    assert (letters, paper) == {
        "light": ("#333333", "rgb(255, 255, 255)"),
        "dark": ("#d6d6d6", "rgb(23, 24, 26)"),
    }[scheme]
    assert page.heard == []


@pytest.mark.parametrize("name", ["fig3", "fig4", "coupling", "scorecard"])
def test_pages_fit_a_telephone_and_a_tap_reads_a_number(alone, tmp_path, name):
    page = alone(name, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    for plot in page.get_by_role("figure").all():
        box = plot.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    dot = page.evaluate(
        """() => {
            const models = [...Bokeh.documents[0]._all_models.values()]
            const plot = models.find((model) => model.type == "Figure")
            const {data} = plot.renderers.at(-1).data_source, {frame} = Bokeh.index.find_one_by_id(plot.id)
            const place = Math.floor(data.x.length / 2)
            return {x: frame.x_scale.compute(data.x[place]), y: frame.y_scale.compute(data.y[place]),
                text: data.text[place]}
        }"""
    )
    plot = page.get_by_role("figure").first
    plot.tap(position={"x": dot["x"], "y": dot["y"]})
    page.locator(".bk-tooltip-content").first.wait_for()
    assert dot["text"].split("\n")[0] in page.locator(".bk-tooltip-content").first.inner_text()


def test_tables_beside_a_figure_hold_its_numbers(alone, demo):
    page, table = alone("fig4"), read_table(demo.folder / "results/figures/fig4.csv")
    page.get_by_text("numbers, as a table").click()
    rows = page.get_by_role("row").all_inner_texts()
    assert rows[0].split("\t") == list(table)
    assert len(rows) == len(table) + 1
    assert f"{table['accuracy'].iloc[-1]:.4g}" in rows[-1].split("\t")
