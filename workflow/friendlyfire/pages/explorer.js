"use strict";
// Looks up the stored values. The only arithmetic: a multiple of a direction, or a perturbation, added to an image.
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const TYPES = { u1: Uint8Array, i1: Int8Array, i2: Int16Array };
  const MISSING = -32768;

  /** An array of whole numbers of any shape; its values are multiples of a unit. */
  class Numbers {
    constructor({ type, shape, unit, decimals }, buffer) {
      this.values = new TYPES[type](buffer);
      Object.assign(this, { shape, unit, decimals });
    }
    /** Number of the entry, or row, at a place of the leading axes. */
    entry(...place) {
      return place.reduce((sum, index, axis) => sum * this.shape[axis] + index, 0);
    }
    /** The numbers at a place of the leading axes. */
    row(...place) {
      const length = this.shape.slice(place.length).reduce((product, size) => product * size, 1);
      const start = this.entry(...place) * length;
      return this.values.subarray(start, start + length);
    }
    /** A score as text. */
    text(whole) {
      return whole === MISSING ? "none" : (whole * this.unit).toFixed(this.decimals).replace("-", "\u2212");
    }
  }

  /** Return an object with its compressed arrays as {@link Numbers}. */
  const unpacked = async (packed) => {
    const found = { ...packed };
    for (const [name, entry] of Object.entries(packed)) {
      if (!entry?.type) continue;
      const bytes = Uint8Array.from(atob(entry.data), (letter) => letter.charCodeAt(0));
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      found[name] = new Numbers(entry, await new Response(plain).arrayBuffer());
    }
    return found;
  };
  const walk = await unpacked(data);
  const bases = await Promise.all(data.bases.map(unpacked));
  const [, channels, height, width] = walk.images.shape;
  const pixels = channels * height * width;
  const names = data.classes;
  const nameOf = (c) => (c < 0 ? "no class" : names[c]);
  const short = (value) => (value === null ? "none" : value.toPrecision(3).replace("-", "\u2212"));

  /** What is chosen; `rank` is a number of directions, the others are places in the data. */
  const state = {
    image: data.opening.image,
    basis: 0,
    rank: bases[0].ranks[data.opening.rank],
    target: data.opening.target,
    kind: 0,
    step: data.opening.step,
    second: null,
    secondStep: (data.steps.length - 1) / 2,
  };

  // ---- Pictures

  /** Paint numbers (channels, height, width) of 0 to 255 on a canvas. */
  const paint = (canvas, value) => {
    const context = canvas.getContext("2d");
    const shown = context.createImageData(width, height);
    for (let p = 0; p < height * width; p++) {
      for (let c = 0; c < 3; c++) shown.data[4 * p + c] = value(channels === 1 ? p : c * height * width + p);
      shown.data[4 * p + 3] = 255;
    }
    context.putImageData(shown, 0, 0);
  };
  /** Paint an image plus multiples of directions: pairs of [numbers, factor of one whole number]. */
  const paintSum = (canvas, image, terms = []) => {
    const start = walk.images.row(image);
    paint(canvas, (p) => terms.reduce((sum, [row, factor]) => sum + 255 * factor * row[p], start[p]));
  };
  /** Paint a direction with its largest pixel at full contrast; grey is no change. */
  const paintSigned = (canvas, row) => {
    let largest = 1;
    for (const value of row) largest = Math.max(largest, Math.abs(value));
    paint(canvas, (p) => 128 + (127 * row[p]) / largest);
  };
  /** Paint a picture as it is stored. */
  const paintWhole = (canvas, row) => paint(canvas, (p) => row[p]);

  // ---- Tables of scores

  /** Fill a table: a column of scores each, with the predicted class marked. */
  const fill = (table, columns) => {
    const there = columns.flatMap(({ scores, of }) => [...scores].filter((one) => one !== MISSING).map((one) => of.unit * one));
    const [low, high] = [Math.min(...there), Math.max(...there)];
    for (const [c, row] of [...table.tBodies[0].rows].entries()) {
      for (const [k, { scores, of, best }] of columns.entries()) {
        const cell = row.cells[k + 1];
        cell.firstChild.textContent = of.text(scores[c]);
        cell.lastChild.style.width = `${Math.max(0, (100 * (of.unit * scores[c] - low)) / (high - low || 1))}%`;
        cell.classList.toggle("best", c === best);
      }
    }
  };

  // ---- Charts

  const charts = {};
  const embed = async (name) => {
    await Bokeh.embed.embed_item(data.charts[name], `${name}-chart`);
    const [figure] = Bokeh.documents.at(-1).roots();
    charts[name] = { figure, of: (part) => figure.document.get_model_by_name(part) };
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  /** Give the charts the colours of the page. */
  const ink = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    for (const { figure, of } of Object.values(charts)) {
      for (const axis of [...figure.below, ...figure.left]) {
        axis.setv({
          axis_label_text_color: colour("ink"),
          major_label_text_color: colour("ink"),
          axis_line_color: colour("quiet"),
          major_tick_line_color: colour("quiet"),
          minor_tick_line_color: null,
        });
      }
      for (const grid of figure.center.filter((part) => "grid_line_color" in part)) grid.grid_line_color = colour("line");
      of("place").line_color = colour("mark");
    }
    const line = (chart, part, value) => (charts[chart].of(part).glyph.line_color = { value });
    bases.forEach(({ shades }, number) => {
      const shade = shades[Number(dark.matches)];
      for (const chart of ["accuracy", "norms"]) line(chart, `basis ${number}`, shade);
      document.querySelector(`[data-basis="${number}"] line`).style.stroke = shade;
    });
    for (const [chart, target, own] of [["scores", "target", "own"], ["moved", "carried", "stays"]]) {
      line(chart, target, colour("target"));
      line(chart, own, colour("own"));
    }
    line("scores", "others", colour("quiet"));
  };

  // ---- The panels

  /** Place, in the ranks of a basis, of the number of directions nearest to the chosen one. */
  const rankPlace = ({ ranks }) =>
    ranks.reduce((best, rank, i) => (Math.abs(rank - state.rank) < Math.abs(ranks[best] - state.rank) ? i : best), 0);

  const verdict = (c) => (c === data.labels[state.image] ? "right" : "wrong");
  const said = (c) => `${nameOf(c)}, ${verdict(c)}`;
  /** Name a predicted class in a place of its own. */
  const judge = (place, c) => {
    place.textContent = said(c);
    place.className = `verdict ${verdict(c)}`;
  };

  const showImages = () => {
    const { image } = state;
    const label = data.labels[image];
    const predicted = walk.predicted.values[image];
    for (const id of ["whole", "start"]) {
      paintSum(byId(id), image);
      judge(byId(`${id}-word`), predicted);
      if (predicted !== label) byId(`${id}-word`).textContent += ` (is ${names[label]})`;
    }
  };

  /** Draw the norms of the attacks on the image, and the lines of the chosen basis in bold, unless they are. */
  let shownBases = "";
  const showBases = () => {
    const now = [state.image, state.basis].join();
    if (now === shownBases) return;
    shownBases = now;
    for (const [number, { ranks, norms }] of bases.entries()) {
      const line = charts.norms.of(`basis ${number}`);
      line.data_source.data = { x: ranks, y: norms.map((row) => row[state.image] ?? NaN) };
      for (const shown of [charts.accuracy.of(`basis ${number}`), line]) {
        shown.glyph.line_width = number === state.basis ? 4 : 1.5;
      }
    }
  };

  const showKept = () => {
    const { image } = state;
    for (const [number, basis] of bases.entries()) {
      const r = rankPlace(basis);
      const thumbnail = document.querySelector(`[data-basis="${number}"]`);
      paintWhole(thumbnail.querySelector("canvas"), basis.projections.row(r, image));
      judge(thumbnail.querySelector(".verdict"), basis.kept_predicted.row(r)[image]);
    }
    showBases();
    const basis = bases[state.basis];
    const r = rankPlace(basis);
    const rank = basis.ranks[r];
    const [kept, left] = [basis.kept_predicted.row(r)[image], basis.left_predicted.row(r)[image]];
    const slider = byId("rank");
    slider.max = basis.ranks.length - 1;
    slider.value = r;
    byId("rank-said").textContent = `${rank} of ${pixels}`;
    slider.setAttribute("aria-valuetext", `${rank} of ${pixels} directions`);
    paintWhole(byId("kept"), basis.projections.row(r, image));
    paintWhole(byId("rest"), basis.rests.row(r, image));
    byId("kept-said").textContent =
      `Through ${rank} of ${pixels} directions (${basis.label}), the network predicts ${said(kept)}. ` +
      `On the rest it predicts ${said(left)}. ` +
      (basis.norms[r][image] === null
        ? `No attack inside these directions: ${basis.failures[r][image]}.`
        : `An attack inside these directions has norm ${short(basis.norms[r][image])} and leads to ` +
          `${nameOf(basis.reached[r][image])}.`);
    judge(byId("kept-word"), kept);
    judge(byId("rest-word"), left);
    const perturbation = basis.perturbations.row(r, image);
    const unit = basis.perturbations.unit[basis.perturbations.entry(r, image)];
    paintSigned(byId("attack"), perturbation);
    paintSum(byId("attacked"), image, [[perturbation, unit]]);
    const norm = basis.norms[r][image];
    byId("attack-word").textContent = norm === null ? "failed" : `norm ${short(norm)}`;
    byId("attacked-word").textContent = norm === null ? "not fooled" : nameOf(basis.reached[r][image]);
    fill(byId("kept-scores"), [
      { scores: walk.clean.row(image), of: walk.clean, best: walk.predicted.values[image] },
      { scores: basis.kept.row(r, image), of: basis.kept, best: kept },
      { scores: basis.left.row(r, image), of: basis.left, best: left },
    ]);
    charts.accuracy.of("place").location = rank;
    charts.norms.of("place").location = rank;
  };

  /** Places, among the steps, that the movement can have: fewer for two directions at once. */
  const places = () => (state.second === null ? data.steps.map((_, i) => i) : data.places);
  const nearest = (chosen) => places().reduce((best, place, i, all) =>
    (Math.abs(place - chosen) < Math.abs(all[best] - chosen) ? i : best), 0);

  /** Scores and predicted class at places i and j of the two movements. */
  const lookUp = (i, j) => {
    const { target, kind, second, image } = state;
    if (second === null) {
      return { scores: walk.along.row(target, kind, image, i), of: walk.along, best: walk.along_predicted.row(target, kind, image)[i] };
    }
    const swapped = kind > second;
    const pair = data.pairs.findIndex(([a, b]) => a === Math.min(kind, second) && b === Math.max(kind, second));
    const [first, last] = swapped ? [j, i] : [i, j];
    return {
      scores: walk.across.row(target, pair, image, first, last),
      of: walk.across,
      best: walk.across_predicted.row(target, pair, image, first)[last],
    };
  };

  const showMoved = () => {
    const { image, target, kind, second } = state;
    const c = data.targets[target];
    const allowed = places();
    const [i, j] = [nearest(state.step), nearest(state.secondStep)];
    [state.step, state.secondStep] = [allowed[i], allowed[j]];
    const [step, secondStep] = [data.steps[state.step], data.steps[state.secondStep]];
    for (const [id, place, length] of [["step", i, step], ["second-step", j, secondStep]]) {
      const slider = byId(id);
      slider.max = allowed.length - 1;
      slider.value = place;
      byId(`${id}-said`).textContent = short(length);
      slider.setAttribute("aria-valuetext", `norm ${short(length)}`);
    }
    byId("second-step").disabled = second === null;
    if (second === null) byId("second-step-said").textContent = "";
    for (const option of byId("second").options) option.disabled = option.value === String(kind);
    const found = lookUp(i, j);
    const terms = [[kind, step], [second, secondStep]]
      .filter(([of]) => of !== null)
      .map(([of, length]) => [walk.directions.row(target, of), length * walk.directions.unit[walk.directions.entry(target, of)]]);
    paintSum(byId("moved"), image, terms);
    paintSigned(byId("direction"), walk.directions.row(target, kind));
    const before = walk.predicted.values[image];
    const score = found.best < 0 ? "none" : found.of.text(found.scores[found.best]);
    const way = [`${short(step)} along the ${data.kinds[kind]} direction`];
    if (second !== null) way.push(`${short(secondStep)} along the ${data.kinds[second]} direction`);
    const change = found.best === before ? "no change" : `was ${nameOf(before)}`;
    byId("moved-said").textContent =
      `Moved by ${way.join(" and ")} of class ${names[c]}: the network predicts ${nameOf(found.best)} (${change}), score ${score}.`;
    byId("direction-word").textContent = `of class ${names[c]}`;
    byId("moved-word").textContent = nameOf(found.best);
    fill(byId("moved-scores"), [{ scores: walk.clean.row(image), of: walk.clean, best: before }, found]);
    showLines(allowed, j, c, before);
    charts.scores.of("place").location = step;
    charts.moved.of("place").location = step;
  };

  /** Draw the scores of the image along the direction, and the line of figure 2, unless they are drawn. */
  let shownLines = "";
  const showLines = (allowed, j, c, before) => {
    const { image, target, kind, second } = state;
    const now = [image, target, kind, second, second === null ? 0 : j].join();
    if (now === shownLines) return;
    shownLines = now;
    const x = allowed.map((place) => data.steps[place]);
    const rows = allowed.map((_, i) => lookUp(i, j));
    const line = (k) => rows.map(({ scores, of }) => (scores[k] === MISSING ? NaN : of.unit * scores[k]));
    const others = names.map((_, k) => k).filter((k) => k !== c && k !== before);
    charts.scores.of("others").data_source.data = { xs: others.map(() => x), ys: others.map(line) };
    charts.scores.of("target").data_source.data = { x, y: line(c) };
    const own = before >= 0 && before !== c;
    charts.scores.of("own").data_source.data = own ? { x, y: line(before) } : { x: [], y: [] };
    byId("target-name").textContent = `${names[c]}, the class of the direction`;
    byId("own-name").textContent = own ? `${nameOf(before)}, predicted without a movement` : "";
    byId("own-name").previousElementSibling.style.display = own ? "" : "none";
    const known = data.carried[data.kinds[kind]]?.[c];
    byId("moved-figure").hidden = !known;
    if (known) {
      charts.moved.of("carried").data_source.data = { x: known.s, y: known.carried };
      charts.moved.of("stays").data_source.data = { x: known.s, y: known.stays };
    }
  };

  // ---- Start

  Bokeh.logger.set_level("warn"); // Bokeh.set_log_level announces itself
  const listen = (id, set, show) => byId(id).addEventListener("input", (event) => {
    set(event.target.value);
    show();
  });
  const choose = (group, set) => {
    for (const input of document.querySelectorAll(`input[name=${group}]`)) {
      input.checked = Number(input.value) === state[group];
      input.addEventListener("change", () => {
        state[group] = Number(input.value);
        set();
      });
    }
  };
  const showAll = () => {
    showImages();
    showKept();
    showMoved();
  };

  for (const name of Object.keys(data.charts)) await embed(name);
  for (const input of document.querySelectorAll("[data-image]")) paintSum(input.querySelector("canvas"), Number(input.dataset.image));
  choose("image", showAll);
  choose("basis", showKept);
  byId("target").value = state.target;
  listen("rank", (value) => (state.rank = bases[state.basis].ranks[value]), showKept);
  listen("target", (value) => (state.target = Number(value)), showMoved);
  listen("kind", (value) => {
    state.kind = Number(value);
    if (state.second === state.kind) {
      state.second = null;
      byId("second").value = "";
    }
  }, showMoved);
  listen("second", (value) => (state.second = value === "" ? null : Number(value)), showMoved);
  listen("step", (value) => (state.step = places()[value]), showMoved);
  listen("second-step", (value) => (state.secondStep = places()[value]), showMoved);
  dark.addEventListener("change", ink);
  ink();
  showAll();
  document.documentElement.dataset.ready = "true";
})();
