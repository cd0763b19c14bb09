// Pictures as SVG: the event in eta and phi and in the transverse plane, and small curves.
"use strict";

const PLANE = { left: 36, top: 12, width: 392, height: 292, eta: 3.2 };

/** Make an element of SVG. */
function svg(name, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

/** Leave title and description of a picture, and replace the rest. */
function redraw(picture, elements) {
  picture.replaceChildren(...picture.querySelectorAll("title, desc"), ...elements);
}

/** Where eta and phi are in the picture. */
function pointOf(eta, phi) {
  return [
    PLANE.left + (PLANE.width * (Math.max(-PLANE.eta, Math.min(PLANE.eta, eta)) + PLANE.eta)) / (2 * PLANE.eta),
    PLANE.top + (PLANE.height * (Math.PI - wrapped(phi))) / (2 * Math.PI),
  ];
}

/** Eta and phi of a point of the picture. */
function etaPhiOf(x, y) {
  const inside = (value) => Math.max(0, Math.min(1, value));
  return [
    (2 * inside((x - PLANE.left) / PLANE.width) - 1) * PLANE.eta,
    (1 - 2 * inside((y - PLANE.top) / PLANE.height)) * Math.PI,
  ];
}

/** Axes of the plane of eta and phi. */
function planeAxes() {
  const { left, top, width, height } = PLANE;
  const frame = svg("clipPath", { id: "frame" });
  frame.append(svg("rect", { x: left, y: top, width, height }));
  const elements = [frame, svg("rect", { class: "axis", x: left, y: top, width, height })];
  for (const eta of [-3, -2, -1, 0, 1, 2, 3]) {
    const [x] = pointOf(eta, 0);
    elements.push(svg("line", { class: "axis", x1: x, x2: x, y1: top, y2: top + height, "stroke-opacity": 0.5 }));
    elements.push(svg("text", { x, y: top + height + 16, "text-anchor": "middle" }, String(eta)));
  }
  for (const [phi, label] of [[-Math.PI / 2, "-π/2"], [0, "0"], [Math.PI / 2, "π/2"]]) {
    const [, y] = pointOf(0, phi);
    elements.push(svg("line", { class: "axis", x1: left, x2: left + width, y1: y, y2: y, "stroke-opacity": 0.5 }));
    elements.push(svg("text", { x: left - 5, y: y + 4, "text-anchor": "end" }, label));
  }
  elements.push(svg("text", { x: left + width, y: top + height + 32, "text-anchor": "end" }, "eta"));
  elements.push(svg("text", { x: left - 5, y: top + 10, "text-anchor": "end" }, "phi"));
  return elements;
}

/** Draw the jets of an event before and after in eta and phi; the largest is drawn first. */
function drawPlane(picture, jets, chosen) {
  const largest = Math.max(...jets.map((jet) => jet.before[1]));
  const radius = (pt) => Math.max(5, 34 * Math.sqrt(Math.max(pt, 0) / largest));
  const order = jets.map((_, k) => k).sort((a, b) => jets[b].before[1] - jets[a].before[1]);
  const elements = planeAxes();
  for (const k of order) {
    const { before, after, worst } = jets[k];
    const [cx, cy] = pointOf(before[2], before[3]);
    const [x, y] = pointOf(after[2], after[3]);
    const name = `before${k === chosen ? " chosen" : ""}`;
    const marks = svg("g", { "clip-path": "url(#frame)" });
    for (const turn of [0, -PLANE.height, PLANE.height]) { // a jet near pi is one near -pi as well
      marks.append(svg("circle", { class: name, cx, cy: cy + turn, r: radius(before[1]), "data-jet": k }));
      const ring = { cx: x, cy: y + turn, r: Math.min(radius(after[1]), 60) + 3 };
      marks.append(svg("circle", { class: `after ${classOf(worst)}`, ...ring }));
    }
    elements.push(marks);
    elements.push(svg("text", { x: cx, y: cy + 4, "text-anchor": "middle", "pointer-events": "none" }, String(k + 1)));
  }
  redraw(picture, elements);
}

/** Draw the same jets as tracks in the transverse plane, and the missing momentum. */
function drawTransverse(picture, jets, missing, chosen) {
  const [middle, reach] = [170, 140];
  const largest = Math.max(...jets.map((jet) => jet.before[1]), missing ? missing[0] : 0);
  const end = (pt, phi) => {
    const length = reach * Math.min(Math.max(pt, 0) / largest, 1.15);
    return { x1: middle, y1: middle, x2: middle + length * Math.cos(phi), y2: middle - length * Math.sin(phi) };
  };
  const elements = [svg("circle", { class: "axis", cx: middle, cy: middle, r: reach })];
  elements.push(svg("text", { x: 334, y: 334, "text-anchor": "end" }, `circle: ${(largest / 1e3).toPrecision(3)} GeV`));
  jets.forEach(({ before, after, worst }, k) => {
    elements.push(svg("line", { class: `before${k === chosen ? " chosen" : ""}`, "data-jet": k, ...end(before[1], before[3]) }));
    elements.push(svg("line", { class: `after ${classOf(worst)}`, ...end(after[1], after[3]) }));
    const { x2, y2 } = end(before[1], before[3]);
    const away = 1 + 14 / Math.max(Math.hypot(x2 - middle, y2 - middle), 1);
    const place = { x: middle + (x2 - middle) * away, y: middle + (y2 - middle) * away + 4, "text-anchor": "middle" };
    elements.push(svg("text", place, String(k + 1)));
  });
  if (missing && missing[0] > 0) elements.push(svg("line", { class: "missing", ...end(...missing) }));
  redraw(picture, elements);
}

/**
 * Draw what a variable does while a stored number goes through its range.
 * @param values of the variable, one a step; of positive ones the logarithm is drawn where they span much
 * @param place of the present one, 0 to 1
 * @param now the present value
 */
function curve(values, place, now) {
  const picture = svg("svg", { viewBox: "0 0 128 44", "aria-hidden": "true" });
  const logarithmic = Math.min(...values, now) > 0 && Math.max(...values) > 5 * Math.min(...values);
  const heights = [...values, now].map((value) => (logarithmic ? Math.log(value) : value));
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const flat = high - low <= 2e-5 * Math.max(Math.abs(low), Math.abs(high), 1e-3); // rounding of float32
  const y = (height) => (flat ? 22 : 40 - (36 * (height - low)) / (high - low));
  const x = (part) => 4 + 120 * part;
  const points = values.map((_, k) => `${x(k / (values.length - 1)).toFixed(1)},${y(heights[k]).toFixed(1)}`);
  picture.append(svg("polyline", { class: "curve", points: points.join(" ") }));
  picture.append(svg("circle", { class: "here", cx: x(Math.max(0, Math.min(1, place))), cy: y(heights.at(-1)), r: 3.5 }));
  return picture;
}
