// The page: what is chosen and changed, and how it is shown.
"use strict";

const STEPS = 65; // of a number through its range
const FILLED = 0.9; // of a cell: the rest is for masses never seen, up to the energy of the beam and far beyond
const find = (id) => document.getElementById(id);
const state = { models: {}, ranges: {}, name: "folded", events: [], number: 0, chosen: 0, jets: [], stale: new Set(), latents: [], after: [] };

/** Write a number for people: six digits, a power of ten where it is far from 1. */
function written(value, digits = 6) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e7) ? value.toExponential(Math.min(digits - 1, 2)) : String(Number(value.toPrecision(digits)));
}

/** Write an error: in percent where it is relative. */
function writtenError(error, variable) {
  if (!Number.isFinite(error)) return "–";
  if (error === 0) return "0";
  return variable.relative ? `${written(100 * error, 3)} %` : `${written(error, 3)} ${variable.unit}`.trim();
}

const model = () => state.models[state.name];
const cellOf = () => SHIPPED.models[state.name].cell;

/** Find the range of each stored number, over all jets that are shipped. */
async function rangesOf(name) {
  const latents = await state.models[name].encode(SHIPPED.events.flatMap((event) => event.jets));
  return [0, 1, 2].map((i) => {
    const values = latents.map((latent) => latent[i]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return [low - 0.1 * (high - low), high + 0.1 * (high - low)];
  });
}

// ---- what the user does

let running = false;
let again = false;

/** Compute and show what is asked for; what is asked for meanwhile is done behind it, all of it at once. */
async function change() {
  again = true;
  if (running) return;
  running = true;
  try {
    while (again) {
      again = false;
      await encodeStale();
      const { latents } = state;
      if (latents.length < state.jets.length) continue; // another event meanwhile, or another model
      const after = await model().decode(latents);
      if (latents !== state.latents) continue;
      state.after = after;
      show();
      await showSweeps();
    }
  } finally {
    running = false;
  }
}

/** Encode the jets that have changed; of an event that is no longer shown, into numbers that nobody reads. */
async function encodeStale() {
  const { latents, jets } = state;
  const stale = [...state.stale];
  state.stale.clear();
  if (!stale.length) return;
  const found = await model().encode(stale.map((k) => jets[k]));
  stale.forEach((k, i) => { latents[k] = found[i]; });
}

/** Encode all jets of the event, by the model that is chosen. */
function encodeAll() {
  state.latents = [];
  state.stale = new Set(state.jets.keys());
  change();
}

/** Encode the chosen jet anew. */
function encodeChosen() {
  state.stale.add(state.chosen);
  change();
}

function showEvent(number) {
  state.number = Math.max(0, Math.min(state.events.length - 1, number));
  state.jets = state.events[state.number].jets.map((jet) => [...jet]);
  state.chosen = 0;
  buildTable();
  encodeAll();
}

function choose(k) {
  state.chosen = k;
  change();
}

function setVariable(k, value) {
  const jet = [...state.jets[state.chosen]];
  jet[k] = value / VARIABLES[k].scale;
  const fault = faultOf(jet);
  find("status").textContent = fault ? `${fault}.` : "";
  if (fault) return;
  state.jets[state.chosen] = jet;
  encodeChosen();
}

function setLatent(i, value) {
  const latent = state.latents[state.chosen];
  if (!latent || !Number.isFinite(value)) return;
  latent[i] = Math.fround(value);
  change();
}

/** Move the chosen jet in eta and phi; pt and mass stay. */
function moveTo(eta, phi) {
  const jet = state.jets[state.chosen];
  const mass = massOf(jet);
  const p = jet[1] * Math.cosh(eta);
  state.jets[state.chosen] = [Math.sqrt(Math.max(p * p + mass * Math.abs(mass), 1)), jet[1], eta, phi];
  encodeChosen();
}

async function openFile(file) {
  try {
    const unit = find("unit").value === "GeV" ? 1e3 : 1;
    if (file.size > MAX_BYTES) throw new Error(`the file has ${written(file.size / 1e6, 2)} MB, and this page takes ${MAX_BYTES / 1e6} MB at most.`);
    state.events = readEvents(await file.text(), unit);
    find("fault").textContent = "";
    showEvent(0);
  } catch (error) {
    find("fault").textContent = `${file.name}: ${error.message}`;
  }
}

// ---- what is shown

function show() {
  const event = state.events[state.number];
  const jets = state.jets.map((before, k) => {
    const errors = errorsOf(before, state.after[k]);
    return { before, after: state.after[k], errors, worst: Math.max(...errors.map((e) => Math.abs(e) || 0)) };
  });
  find("event").value = state.number + 1;
  find("event").max = state.events.length;
  find("of").textContent = `of ${state.events.length}`;
  drawPlane(find("plane"), jets, state.chosen);
  drawTransverse(find("transverse"), jets, event.missing, state.chosen);
  find("plane-text").textContent = find("transverse-text").textContent =
    `${jets.length} jets; the table below has their numbers.`;
  find("chosen").textContent = `Jet ${state.chosen + 1}`;
  jets.forEach(showRow);
  showInputs();
  const all = [...VARIABLES, MASS];
  const { errors } = jets[state.chosen];
  find("status").textContent =
    `Jet ${state.chosen + 1} comes back with ` + all.map((v, k) => `${v.name} ${writtenError(errors[k], v)}`).join(", ");
}

/** Set the inputs, but for the one that is being typed into. */
function showInputs() {
  const set = (input, value) => { if (input !== document.activeElement || input.type === "range") input.value = value; };
  VARIABLES.forEach((v, k) => set(find(`variable-${v.name}`), written(state.jets[state.chosen][k] * v.scale)));
  state.latents[state.chosen].forEach((value, i) => {
    const slider = find(`slider-${i + 1}`);
    [slider.min, slider.max] = state.ranges[state.name][i];
    set(slider, value);
    set(find(`number-${i + 1}`), Number(value.toPrecision(9))); // nine digits tell any float32
  });
  const cell = cellOf();
  find("fine").hidden = !cell;
  if (cell) set(find("slider-fine"), placeInCell(state.latents[state.chosen][2], cell));
}

/** Place of the third number of `folded` in its cell, 0 to 1. */
function placeInCell(value, cell) {
  return value / cell - Math.floor(value / cell);
}

/** Make the rows of the table of jets. */
function buildTable() {
  const all = [...VARIABLES, MASS];
  const head = document.createElement("tr");
  for (const text of ["jet", ...all.map((v) => (v.unit ? `${v.name} [${v.unit}]` : v.name))]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text;
    head.append(cell);
  }
  find("jets").tHead.replaceChildren(head);
  const rows = state.jets.map((_, k) => {
    const row = document.createElement("tr");
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "jet", value: k });
    radio.addEventListener("change", () => choose(k));
    label.append(radio, ` ${k + 1}`);
    row.insertCell().append(label);
    all.forEach(() => row.insertCell());
    return row;
  });
  find("jets").tBodies[0].replaceChildren(...rows);
}

function showRow({ before, after, errors }, k) {
  const row = find("jets").tBodies[0].rows[k];
  row.className = k === state.chosen ? "chosen" : "";
  row.querySelector("input").checked = k === state.chosen;
  const values = [[...before, massOf(before)], [...after, massOf(after)]];
  [...VARIABLES, MASS].forEach((variable, i) => {
    const cell = row.cells[i + 1];
    const [was, is] = values.map((jet) => jet[i] * variable.scale);
    cell.dataset.after = String(values[1][i]);
    const error = document.createElement("small");
    error.innerHTML = `<span class="${classOf(errors[i])}">${writtenError(errors[i], variable)}</span>`;
    cell.replaceChildren(`${written(was)} → ${written(is)}`, error);
  });
}

/** Show what each stored number does: it goes through its range, all others stay. */
async function showSweeps() {
  const all = [...VARIABLES, MASS];
  const latent = state.latents[state.chosen];
  const cell = cellOf();
  const sweeps = state.ranges[state.name].map(([low, high], i) => ({ i, low, high, label: `${i + 1}` }));
  if (cell) {
    const low = cell * Math.floor(latent[2] / cell);
    sweeps.push({ i: 2, low, high: low + cell * FILLED, label: "3, in its cell" });
  }
  const rows = sweeps.flatMap(({ i, low, high }) =>
    Array.from({ length: STEPS }, (_, k) => latent.with(i, low + ((high - low) * k) / (STEPS - 1))));
  const now = [...state.after[state.chosen], massOf(state.after[state.chosen])];
  const jets = await model().decode(rows);
  const head = `<tr><th scope="col">stored</th>${all.map((v) => `<th scope="col">${v.name}</th>`).join("")}</tr>`;
  find("sweeps").tHead.innerHTML = head;
  const made = sweeps.map(({ i, low, high, label }, s) => {
    const part = jets.slice(s * STEPS, (s + 1) * STEPS).map((jet) => [...jet, massOf(jet)]);
    const row = document.createElement("tr");
    row.innerHTML = `<th scope="row">${label}</th>`;
    all.forEach((variable, k) => {
      const values = part.map((jet) => jet[k]);
      const ends = [Math.min(...values), Math.max(...values)].map((value) => written(value * variable.scale, 3));
      const text = document.createElement("small");
      text.textContent = `${ends[0]} … ${ends[1]} ${variable.unit}`;
      row.insertCell().append(curve(values, (latent[i] - low) / (high - low), now[k]), text);
    });
    return row;
  });
  find("sweeps").tBodies[0].replaceChildren(...made);
}

// ---- the start

function buildInputs() {
  for (const [k, { name, unit }] of VARIABLES.entries()) {
    const input = Object.assign(document.createElement("input"), { type: "number", step: "any", id: `variable-${name}` });
    input.addEventListener("input", () => setVariable(k, Number(input.value)));
    const label = document.createElement("label");
    label.append(unit ? `${name} [${unit}]` : name, input);
    find("variables").append(label);
  }
  for (const i of [0, 1, 2]) {
    const slider = latentInput("range", `slider-${i + 1}`, `stored number ${i + 1}, slider`);
    const number = latentInput("number", `number-${i + 1}`, `stored number ${i + 1}`);
    for (const input of [slider, number]) input.addEventListener("input", () => setLatent(i, Number(input.value)));
    addLatentRow(`${i + 1}`, slider, number);
  }
  const fine = latentInput("range", "slider-fine", "stored number 3, inside its cell");
  Object.assign(fine, { min: 0, max: FILLED });
  fine.addEventListener("input", () => {
    const value = state.latents[state.chosen][2];
    setLatent(2, (Math.floor(value / cellOf()) + Number(fine.value)) * cellOf());
  });
  addLatentRow("3", fine, "in its cell").id = "fine";
}

function latentInput(type, id, label) {
  const input = Object.assign(document.createElement("input"), { type, step: "any", id });
  input.setAttribute("aria-label", label);
  return input;
}

function addLatentRow(...parts) {
  const row = Object.assign(document.createElement("div"), { className: "number" });
  row.append(...parts);
  find("latent").append(row);
  return row;
}

function listen() {
  for (const radio of document.querySelectorAll("[name=model]")) {
    radio.addEventListener("change", () => { state.name = radio.value; encodeAll(); });
  }
  find("previous").addEventListener("click", () => showEvent(state.number - 1));
  find("next").addEventListener("click", () => showEvent(state.number + 1));
  find("event").addEventListener("change", () => showEvent(Number(find("event").value) - 1));
  find("again").addEventListener("click", encodeChosen);
  find("undo").addEventListener("click", () => {
    state.jets[state.chosen] = [...state.events[state.number].jets[state.chosen]];
    encodeChosen();
  });
  find("file").addEventListener("change", () => { if (find("file").files[0]) openFile(find("file").files[0]); });
  document.addEventListener("dragover", (event) => { event.preventDefault(); find("drop").classList.add("over"); });
  document.addEventListener("dragleave", () => find("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    find("drop").classList.remove("over");
    if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
  });
  listenToPictures();
}

function listenToPictures() {
  const plane = find("plane");
  let dragging = false;
  const point = (event) => {
    const box = plane.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(box);
    return etaPhiOf(x, y);
  };
  plane.addEventListener("pointerdown", (event) => {
    if (event.target.dataset.jet === undefined) return;
    dragging = true;
    plane.setPointerCapture(event.pointerId);
    choose(Number(event.target.dataset.jet));
  });
  plane.addEventListener("pointermove", (event) => { if (dragging) moveTo(...point(event)); });
  for (const end of ["pointerup", "pointercancel"]) plane.addEventListener(end, () => { dragging = false; });
  find("transverse").addEventListener("click", (event) => {
    if (event.target.dataset.jet !== undefined) choose(Number(event.target.dataset.jet));
  });
}

async function start() {
  const labels = [...CLASSES.map((limit) => `below ${limit}`), `${CLASSES.at(-1)} and more`];
  find("legend").innerHTML = labels.map((text, k) => `<span class="e${k}">● ${text}</span>`).join(" ");
  if (typeof RUNTIME === "undefined") throw new Error("this copy of the page was built without the runtime");
  const runtime = await startRuntime();
  for (const name of Object.keys(SHIPPED.models)) {
    state.models[name] = await Model.open(runtime, name);
    state.ranges[name] = await rangesOf(name);
  }
  state.events = SHIPPED.events;
  buildInputs();
  listen();
  document.querySelector("main").hidden = false;
  showEvent(0);
}

start().catch((error) => { find("status").textContent = `The models do not start: ${error.message}.`; });
