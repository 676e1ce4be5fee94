"""Interactive figures in a browser: where a number is drawn, what is read there, and the boxes."""

from contextlib import contextmanager

#: The place of a number in the plot with a label, in pixels from the corner of the plot.
PLACE = """([label, x, y]) => {
    const models = [...Bokeh.documents[0]._all_models.values()]
    const plot = models.find((model) => model.type == "Figure" && model.html_attributes["aria-label"] == label)
    const {frame} = Bokeh.index.find_one_by_id(plot.id)
    return {x: frame.x_scale.compute(x), y: frame.y_scale.compute(y)}
}"""

#: How many parts of the plots are drawn.
DRAWN = """() => [...Bokeh.documents[0]._all_models.values()]
    .filter((model) => model.type == "GlyphRenderer" && model.visible).length"""


def wait(frame):
    """Wait until the plots of a page are drawn."""
    frame.wait_for_function("() => window.Bokeh?.documents.length && Bokeh.index.roots.length")
    frame.locator("[role=figure] canvas").first.wait_for()


def read(frame, label, x, y):
    """Point at a number of a plot, and return what its box says."""
    plot = frame.get_by_role("figure", name=label, exact=True)
    plot.scroll_into_view_if_needed()
    position = frame.evaluate(PLACE, [label, x, y])
    plot.hover(position={"x": 1, "y": 1})
    plot.hover(position=position)
    frame.wait_for_timeout(100)
    return "\n".join(frame.locator(".bk-tooltip-content").all_inner_texts())


@contextmanager
def only(frame, label):
    """Clear the other boxes of a box's group, until the block ends."""
    group = frame.get_by_role("group").filter(has=frame.get_by_label(label, exact=True))
    others = [box for box in group.locator("label").all() if box.inner_text() != label]
    for box in others:
        box.uncheck()
    yield
    for box in others:
        box.check()


def listen(page):
    """Collect what the page asks of a network, and what it complains of, in ``page.heard``."""
    page.heard = []
    local = ("file:", "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(local) else page.heard.append(asked.url))
    page.on("console", lambda said: page.heard.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.heard.append(str(error)))
