"""The report in a browser: every figure and table in its section, with its labels, caption and picture."""

import shutil

import pytest

from debian import need

SECTIONS = {
    "Networks": {"Learning curves"},
    "3 Curvature": {"Spectra", "Quality of the curvature"},
    "4.1 Class identity along directions": {"Figure 1", "Figure 2", "Figure S1", "Figure S2"},
    "4.2 Accuracy and dimensionality": {"Figure 3"},
    "4.3 Classification and attack": {"Figure 4", "Figure 5", "Coupling"},
    "4.4 Compression": {"Table 1"},
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
        page.goto(index.as_uri())
        yield page
        browser.close()


def test_the_report_opens_with_what_it_is_about(page):
    assert "Who Needs Adversaries" in page.inner_text("body")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_shows_its_figures(page, section, tmp_path):
    page.reload()
    page.get_by_text(section, exact=True).first.click()
    text = page.inner_text("body")
    page.screenshot(path=tmp_path / "section.png")
    print(text)
    for figure in SECTIONS[section]:
        assert figure in text
