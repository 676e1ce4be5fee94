"""The explorer in a browser: every control, and what it shows against the results; sizes, times, accessibility."""

import random
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from engine.kinds import legend
from engine.schema import with_defaults
from friendlyfire.pages.explorer import KINDS, explorer, readable
from friendlyfire.records.stores import open_store
from friendlyfire.records.tables import read_table, read_tables

BASES = ("deepfool-high", "deepfool-low", "curvature-positive", "curvature-flat", "pca", "random")

LEGEND = legend(with_defaults({}, {"experiments": {"x": {}}}))

#: Names that are markup, script or mathematics where a page does not escape them.
HOSTILE = (
    "</script><script>document.title='broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    'a & b\'s "c" &lt;d&gt;',
    "{{ 7 * 7 }} $$x^2$$ \\u003c",
    "',alert(1),' \u2028 ü 猫",
)


def opened(browser, path, **look):
    """Open a page and wait until it is ready; ``told`` lists its requests, messages and errors."""
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **look})
    page.told = []
    page.on("request", lambda request: page.told.append(request.url))
    page.on("console", lambda message: page.told.append(message.text))
    page.on("pageerror", lambda error: page.told.append(str(error)))
    page.goto(path.as_uri())
    page.locator("html[data-ready]").wait_for(timeout=30_000)
    return page


@pytest.fixture(scope="module")
def path(demo):
    return demo.folder / "results/explorers/digits-lenet.html"


@pytest.fixture(scope="module")
def page(browser, path):
    """One page, on which the tests use every control; nothing is asked for and nothing is told meanwhile."""
    page = opened(browser, path)
    yield page
    # The tests, not the page, read pictures back.
    assert [told for told in page.told if "getImageData" not in told] == [path.as_uri()]


@pytest.fixture(scope="module")
def stores(demo):
    """The arrays behind the page: ``walks``, and the views by basis."""
    folder, found = demo.folder / "results/digits-lenet", {}
    for name, place in {"walks": "walks/walks", **{basis: f"views/{basis}" for basis in BASES}}.items():
        with open_store(folder / f"{place}.zarr.zip", None) as store:
            found[name] = {array: store[array] for array in store.keys()}  # noqa: SIM118
            found["record"] = store.record  # each has the names of the classes
    return found


def slide(page, control, place):
    page.locator(f"#{control}").fill(str(place))


def choose(page, group, place):
    page.locator(f"input[name={group}]").nth(place).check()


def table(page, name):
    """Return the scores (classes, columns) of a table, and the place of the marked class in each column."""
    rows = page.locator(f"#{name} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(1).map(cell => [cell.innerText, cell.className]))"
    )
    scores = np.array([[float(text.replace("\u2212", "-")) for text, _ in row] for row in rows])
    best = [[column[1] for column in row].index("best") for row in zip(*rows, strict=True)]
    return scores, best


def line(page, chart, name):
    """Return x and y of a line as it is drawn."""
    return page.evaluate(
        """([chart, name]) => {
            const of = Bokeh.documents.find((d) => d.roots()[0].left[0].axis_label === chart);
            const data = of.get_model_by_name(name).data_source.data;
            return [Array.from(data.x), Array.from(data.y)];
        }""",
        [chart, name],
    )


def mark(page, chart):
    """Return where the vertical line of a chart is."""
    return page.evaluate(
        """(chart) => Bokeh.documents.find((d) => d.roots()[0].left[0].axis_label === chart)
            .get_model_by_name("place").location""",
        chart,
    )


def pixels(page, canvas):
    """Return the grey values of a picture, 0 to 255."""
    values = page.locator(f"#{canvas}").evaluate(
        "e => [...e.getContext('2d').getImageData(0, 0, e.width, e.height).data].filter((_, i) => i % 4 === 0)"
    )
    return np.array(values)


def grey(image):
    return np.rint(255 * np.clip(image, 0, 1)).ravel()


def close(shown, stored):
    np.testing.assert_allclose(shown, stored, atol=0.00501)


def test_scores_on_projections_are_those_of_the_views(page, stores):
    walks, draw = stores["walks"], random.Random(0)
    names = stores["record"]["classes"]
    for _ in range(30):
        image, number = draw.randrange(20), draw.randrange(len(BASES))
        view = stores[BASES[number]]
        place = draw.randrange(len(view["ranks"]))
        choose(page, "image", image)
        choose(page, "basis", number)
        slide(page, "rank", place)
        scores, best = table(page, "kept-scores")
        close(scores[:, 0], walks["clean"][image])
        close(scores[:, 1], view["kept"][place, image])
        close(scores[:, 2], view["left"][place, image])
        kept, left = (int(view[f"{name}_predicted"][place, image]) for name in ("kept", "left"))
        assert best == [walks["predicted"][image], kept, left]
        label, said = walks["labels"][image], page.inner_text("#kept-said")
        judged = {c: f"{names[c]}, {'right' if c == label else 'wrong'}" for c in (kept, left)}
        assert f"Through {view['ranks'][place]} of 64 directions" in said
        assert f"the network predicts {judged[kept]}. On the rest it predicts {judged[left]}." in said
        if view["statuses"][place, image] == 0:
            norm = float(f"{view['norms'][place, image]:.3g}")
            assert float(page.inner_text("#attack-word").removeprefix("norm ")) == pytest.approx(norm, rel=0.006)
            assert said.endswith(f"leads to {names[view['reached'][place, image]]}.")
            x, y = line(page, "norm of the attack", f"basis {number}")
            assert x == view["ranks"].tolist()
            assert y[place] == pytest.approx(view["norms"][place, image], rel=1e-4)
        else:
            assert "No attack inside these directions: " in said
        assert mark(page, "accuracy") == mark(page, "norm of the attack") == view["ranks"][place]
        np.testing.assert_allclose(pixels(page, "kept"), grey(view["projections"][place, image]), atol=1)
        np.testing.assert_allclose(pixels(page, "rest"), grey(view["rests"][place, image]), atol=1)
        perturbation = view["perturbations"][place, image]
        attacked = grey(walks["images"][image] + perturbation)
        # Perturbations are stored in 255 grades.
        np.testing.assert_allclose(pixels(page, "attacked"), attacked, atol=1 + np.abs(perturbation).max())


def test_every_basis_is_judged_at_the_same_number_of_directions(page, stores):
    choose(page, "image", 3)
    choose(page, "basis", 0)
    slide(page, "rank", 2)
    rank, label = stores[BASES[0]]["ranks"][2], stores["walks"]["labels"][3]
    for number, basis in enumerate(BASES):
        place = np.abs(stores[basis]["ranks"] - rank).argmin()
        found = stores[basis]["kept_predicted"][place, 3]
        expected = f"{stores['record']['classes'][found]}, {'right' if found == label else 'wrong'}"
        assert page.locator(f"[data-basis='{number}'] .verdict").inner_text() == expected


def test_scores_on_the_way_are_those_of_the_walks(page, stores):
    walks, names, draw = stores["walks"], stores["record"]["classes"], random.Random(1)
    for _ in range(30):
        image, target, kind = draw.randrange(20), draw.randrange(10), draw.randrange(3)
        place = draw.randrange(25)
        choose(page, "image", image)
        page.select_option("#target", str(target))
        page.select_option("#second", "")
        page.select_option("#kind", str(kind))
        slide(page, "step", place)
        scores, best = table(page, "moved-scores")
        close(scores[:, 0], walks["clean"][image])
        close(scores[:, 1], walks["along"][target, kind, image, place])
        found = walks["along_predicted"][target, kind, image, place]
        assert best == [walks["predicted"][image], found]
        said, step = page.inner_text("#moved-said"), walks["steps"][place]
        assert f"the network predicts {names[found]} (" in said
        assert f"direction of class {names[target]}" in said
        assert mark(page, "score") == mark(page, "fraction of images") == pytest.approx(step, rel=1e-4)
        x, y = line(page, "score", "target")
        np.testing.assert_allclose(x, walks["steps"], rtol=1e-4)
        close(y, walks["along"][target, kind, image, :, target])
        moved = walks["images"][image] + step * walks["directions"][target, kind]
        np.testing.assert_allclose(pixels(page, "moved"), grey(moved), atol=1)


def test_two_directions_at_once_are_those_of_the_walks(page, stores):
    walks, draw = stores["walks"], random.Random(2)
    pairs = [tuple(pair) for pair in walks["pairs"].tolist()]
    for _ in range(20):
        image, target = draw.randrange(20), draw.randrange(10)
        kind, second = draw.sample(range(3), 2)
        places = [draw.randrange(len(walks["places"])) for _ in range(2)]
        choose(page, "image", image)
        page.select_option("#target", str(target))
        page.select_option("#second", "")
        page.select_option("#kind", str(kind))
        page.select_option("#second", str(second))
        slide(page, "step", places[0])
        slide(page, "second-step", places[1])
        scores, best = table(page, "moved-scores")
        pair, (i, j) = pairs.index(tuple(sorted((kind, second)))), places if kind < second else places[::-1]
        close(scores[:, 1], walks["across"][target, pair, image, i, j])
        assert best[1] == walks["across_predicted"][target, pair, image, i, j]
        steps = walks["steps"][walks["places"][places]]
        moved = walks["images"][image] + np.tensordot(steps, walks["directions"][target, [kind, second]], 1)
        np.testing.assert_allclose(pixels(page, "moved"), grey(moved), atol=1)
        assert page.inner_text("#moved-said").count(" along the ") == 2
    page.select_option("#kind", str(second))  # the same direction twice is one direction
    assert page.input_value("#second") == ""
    assert page.locator("#second-step").is_disabled()


def test_lines_of_the_figures_are_those_of_the_tables(page, demo, stores):
    folder = demo.folder / "results/digits-lenet"
    for number, basis in enumerate(BASES):
        rows = read_table(folder / f"accuracy/{basis}.csv").query("role == 'measured' and rank > 0")
        assert line(page, "accuracy", f"basis {number}") == [rows["rank"].tolist(), rows["accuracy"].tolist()]
    page.select_option("#second", "")
    for number, kind in enumerate(KINDS):
        rows = read_table(folder / f"scores/{kind}.csv").query("`class` == '4'")
        page.select_option("#target", "4")
        page.select_option("#kind", str(number))
        for name in ("carried", "stays"):
            x, y = line(page, "fraction of images", name)
            np.testing.assert_allclose(x, rows["s"], rtol=1e-4)
            np.testing.assert_allclose(y, rows[name], rtol=1e-4)


def test_the_first_view_shows_the_point(browser, path, stores):
    page, walks = opened(browser, path), stores["walks"]
    label = page.locator("input[name=image]:checked + .face").inner_text().split(",")[0].strip()
    verdicts = page.locator(".bases .verdict").all_inner_texts()
    assert verdicts[0] == f"{label}, right"
    assert sum(verdict.endswith("wrong") for verdict in verdicts) >= 3
    target = page.locator("#target option:checked").inner_text()
    assert target != label
    assert f"the network predicts {target} (was {label})" in page.inner_text("#moved-said")
    place = stores[BASES[0]]["ranks"].tolist().index(int(page.inner_text("#rank-said").split()[0]))
    rows = [row.split("\t") for row in page.locator(".short tbody tr").all_inner_texts()]
    for basis, (_, recognised, norm) in zip(BASES, rows, strict=True):
        view = stores[basis]
        assert recognised == f"{(view['kept_predicted'][place] == walks['labels']).sum()} of 20"
        there = view["statuses"][place] == 0
        assert norm.split()[0] == f"{np.median(view['norms'][place][there]):.2f}"
    elsewhere = walks["predicted"] != walks["targets"][:, None]
    carried = [
        sum(
            (walks["along_predicted"][c, kind, image] == c).any()
            for c in range(10)
            for image in np.flatnonzero(elsewhere[c])
        )
        for kind in range(3)
    ]
    told = page.inner_text("header")
    for count, kind in zip(carried, KINDS.values(), strict=True):
        assert f"{count} of {elsewhere.sum()} cases along the {kind} direction" in told


def test_keys_reach_every_control(browser, path):
    page = opened(browser, path)
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.id"))
        before = page.inner_text("main")
        page.keyboard.press("ArrowLeft" if reached[-1] in ("image", "rank", "step") else "ArrowRight")
        if reached[-1] in ("image", "rank", "basis", "step", "kind", "target"):
            page.wait_for_function("before => document.querySelector('main').innerText !== before", arg=before)
        if reached[-1] == "second":
            page.keyboard.press("ArrowDown")
    assert reached == ["image", "rank", "basis", "target", "kind", "step", "second", "second-step", ""]
    assert page.inner_text("#second-step-said") != ""
    assert page.locator("[role=status]").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_accessible_and_asks_for_nothing(browser, path, scheme, width, tmp_path):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.screenshot(path=tmp_path / "explorer.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []
    assert page.told == [path.as_uri()]
    axis = page.evaluate("Bokeh.documents[0].roots()[0].below[0].axis_label_text_color")
    assert axis == page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')")
    page.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    page.wait_for_function("ink => Bokeh.documents[0].roots()[0].below[0].axis_label_text_color !== ink", arg=axis)


@pytest.mark.long  # another process on the machine could make it fail
def test_it_answers_within_50_milliseconds(page):
    page.select_option("#second", "")
    for control in ("rank", "step"):
        medians = []
        for _ in range(3):  # other processes may take the machine for a while
            times = page.evaluate(
                """async (id) => {
                    const slider = document.getElementById(id), times = [];
                    for (let i = 0; i < 20; i++) {
                        slider.value = i % (Number(slider.max) + 1);
                        const began = performance.now();
                        slider.dispatchEvent(new Event("input"));
                        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));  // drawn
                        times.push(performance.now() - began);
                    }
                    return times;
                }""",
                control,
            )
            medians.append(np.median(times))
        assert min(medians) < 50


def test_a_page_of_digits_has_at_most_3_megabytes(path):
    assert path.stat().st_size < 3e6


class Pretended(dict):
    """A store of random numbers, which cannot be compressed, for images of CIFAR-10's size."""

    def __init__(self, sizes, record, **arrays):
        rng = np.random.default_rng(0)
        found = {name: rng.random(shape, np.float32) for name, shape in sizes.items()}
        # Scores, whose last axis is that of the classes, have a larger range than pixels.
        super().__init__({name: values * (100 if values.shape[-1] == 10 else 1) for name, values in found.items()})
        self.update(arrays)
        self.record = record


def test_a_page_of_colour_images_has_at_most_20_megabytes():
    shape, n, classes, ranks = (3, 32, 32), 20, 10, 10
    sizes = {"images": (n, *shape), "clean": (n, 10), "directions": (10, 3, *shape), "steps": (25,)}
    sizes |= {"along": (10, 3, n, 25, 10), "across": (10, 3, n, 7, 7, 10)}
    walk = Pretended(
        sizes,
        {"classes": [str(c) for c in range(classes)], "kinds": list(KINDS)},
        labels=np.arange(n) % classes,
        indices=np.arange(n),
        targets=np.arange(classes),
        places=np.arange(0, 25, 4),
        pairs=np.array([(0, 1), (0, 2), (1, 2)]),
        predicted=np.zeros(n, np.int16),
        along_predicted=np.zeros((10, 3, n, 25), np.int16),
        across_predicted=np.zeros((10, 3, n, 7, 7), np.int16),
    )
    sizes = dict.fromkeys(("projections", "rests", "perturbations"), (ranks, n, *shape))
    sizes |= {"kept": (ranks, n, classes), "left": (ranks, n, classes)}
    predictions = {name: np.zeros((ranks, n), np.int16) for name in ("kept_predicted", "left_predicted", "statuses")}
    views = [
        Pretended(
            sizes,
            {"basis": basis},
            ranks=np.arange(1, ranks + 1),
            norms=np.ones((ranks, n)),
            reached=np.zeros((ranks, n), np.int64),
            **predictions,
        )
        for basis in BASES
    ]
    html = explorer(
        experiment="colours",
        network=pd.DataFrame([{"architecture": "a", "accuracy": 0.9, "images": n}]),
        quality=pd.DataFrame({"points": [5], "overlap": 0.7}),
        walks=[walk],
        views=views,
        accuracy=pd.DataFrame({"basis": ["pca"], "role": "measured", "rank": 1, "accuracy": 0.5}),
        population=None,
        legend=LEGEND,
    )
    assert 10e6 < len(html) < 20e6
    assert "<b>Not to be trusted:</b> directions of curvature" in html


@pytest.mark.parametrize("background", ["#ffffff", "#15181d"])
@pytest.mark.parametrize("colour", ["#E69F00", "#56B4E9", "#555555", "#AAAAAA", "#000000", "#ffffff"])
def test_lines_stand_out_from_the_background(colour, background):
    def luminance(text):
        parts = np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    def contrast(text):
        high, low = sorted((luminance(text), luminance(background)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    found = readable(colour, background)
    assert contrast(found) > 2.95  # hexadecimal digits are rounded
    assert (found == colour.lower()) == (contrast(colour) >= 3)


class Renamed:
    """A store whose classes have other names."""

    def __init__(self, store, names):
        self._store, self.record = store, {**store.record, "classes": names}

    def __getitem__(self, name):
        return self._store[name]


def test_names_of_classes_are_text_wherever_they_are_shown(browser, demo, tmp_path):
    folder, names = demo.folder / "results/digits-lenet", [*HOSTILE, *"56789"]
    with ExitStack() as stores:
        walks = [Renamed(stores.enter_context(open_store(folder / "walks/walks.zarr.zip", None)), names)]
        views = [stores.enter_context(open_store(folder / f"views/{basis}.zarr.zip", None)) for basis in BASES[:2]]
        population = read_table(folder / "scores/positive.csv")
        population["class"] = [names[int(name)] for name in population["class"]]
        network = read_table(folder / "network.csv").assign(architecture=HOSTILE[0])
        html = explorer(
            experiment=HOSTILE[1],
            network=network,
            quality=read_table(folder / "quality.csv"),
            walks=walks,
            views=views,
            accuracy=read_tables([folder / f"accuracy/{basis}.csv" for basis in BASES[:2]]),
            population=population,
            legend=LEGEND,
        )
    path = tmp_path / "hostile.html"
    path.write_text(html, encoding="utf-8")
    page = opened(browser, path)
    for number, name in enumerate(HOSTILE):
        page.select_option("#target", str(number))
        choose(page, "image", 2 * number)
        shown = [page.locator(place).inner_text() for place in ("#moved-said", "#target-name", "#direction-word")]
        assert all(" ".join(name.split()) in " ".join(text.split()) for text in shown)
        assert page.locator("#kept-scores tbody th").nth(number).text_content() == name
        assert page.locator("#moved-figure").is_visible()
    assert page.title() == f"Explorer: {HOSTILE[1]}"
    assert page.locator("img").count() == 0
    assert page.told == [path.as_uri()]


def test_without_figure_2_the_page_has_no_line_of_it(browser, demo, tmp_path):
    folder = demo.folder / "results/digits-lenet"
    with ExitStack() as stores:
        html = explorer(
            experiment="digits",
            network=read_table(folder / "network.csv"),
            quality=read_table(folder / "quality.csv"),
            walks=[stores.enter_context(open_store(folder / "walks/walks.zarr.zip", None))],
            views=[stores.enter_context(open_store(folder / "views/pca.zarr.zip", None))],
            accuracy=read_table(folder / "accuracy/pca.csv"),
            population=None,
            legend=LEGEND,
        )
    assert "Not to be trusted" not in html
    (tmp_path / "alone.html").write_text(html, encoding="utf-8")
    page = opened(browser, tmp_path / "alone.html")
    assert page.locator("#moved-figure").is_hidden()
    assert page.locator("#scores-figure").is_visible()
    assert page.told == [(tmp_path / "alone.html").as_uri()]


def test_an_experiment_without_bases_has_no_explorer(demo):
    planned = demo.planned("--forceall", "--config", "pages={explorer: []}")
    assert "write_explorer" not in planned
    assert "measure_walks" not in planned
    assert "write_explorer" in demo.planned("--forceall")
    assert "explorer: no experiment of the suite has this page" in demo.run(
        "explorer", "--config", "pages={explorer: []}"
    )


def test_a_basis_that_cannot_be_made_is_told_before_any_job(demo):
    told = demo.run("explorer", "--config", "pages={explorer: [pca, flattest]}", fails=True)
    assert "config: digits-lenet: pages.explorer: there is no 'flattest'; choose from" in told
    assert "rule " not in told
