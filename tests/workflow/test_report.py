"""The report in a browser: every figure and table in its section, with its labels, caption and picture."""

import shutil

import pytest

from debian import need

#: For each section of the paper, the required figures and tables, and their forms.
SECTIONS = {
    "Networks": {"Learning curves": {"chart", "numbers"}},
    "3 Curvature": {"Spectra": {"chart", "numbers"}, "Quality of the curvature": {"numbers"}},
    "4.1 Class identity along directions": {
        "Figure 1": {"chart", "numbers"},
        **{figure: {"chart", "numbers", "form of the curves"} for figure in ("Figure 2", "Figure S1", "Figure S2")},
    },
    "4.2 Accuracy and dimensionality": {"Figure 3": {"chart", "accuracy", "fractions of attacks"}},
    "4.3 Classification and attack": {
        **{figure: {"chart", "numbers"} for figure in ("Figure 4", "Figure 5")},
        "Coupling": {"chart", "numbers", "distances", "correlations"},
    },
    "4.4 Compression": {"Table 1": {"table", "numbers", "attacks through the unit"}},
    "Card": {"Card": {"page"}},
    "Explorer": {"Explorer": {"page"}},
    "Provenance": {"Provenance of the results": {"table"}},
}


@pytest.fixture(scope="module")
def page(demo, tmp_path_factory):
    need(["chromium"], ["chromium"])
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("report")
    demo.run("--report", str(folder / "report.zip"))
    shutil.unpack_archive(folder / "report.zip", folder)
    (index,) = folder.rglob("report.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.index = index
        page.goto(index.as_uri())
        yield page
        browser.close()


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
