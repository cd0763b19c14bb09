// Jets, their errors, and files of them. A jet is [E, pt, eta, phi] in MeV and rad.
"use strict";

const VARIABLES = [
  { name: "E", unit: "GeV", scale: 1e-3, relative: true },
  { name: "pt", unit: "GeV", scale: 1e-3, relative: true },
  { name: "eta", unit: "", scale: 1, relative: false },
  { name: "phi", unit: "rad", scale: 1, relative: false },
];
const MASS = { name: "mass", unit: "GeV", scale: 1e-3, relative: true };
const MAX_JETS = 5000;
const MAX_BYTES = 10e6;

/** Mass of a jet: negative where E is below the momentum. */
function massOf([energy, pt, eta]) {
  const p = pt * Math.cosh(eta);
  const square = (energy - p) * (energy + p);
  return Math.sign(square) * Math.sqrt(Math.abs(square));
}

/** An angle in [-pi, pi]. */
function wrapped(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

/** Errors of what comes back: relative of E, pt and mass, absolute of eta and phi. */
function errorsOf(before, after) {
  const errors = VARIABLES.map((variable, k) => {
    const change = variable.name === "phi" ? wrapped(after[k] - before[k]) : after[k] - before[k];
    return variable.relative ? change / before[k] : change;
  });
  const mass = massOf(before);
  return [...errors, mass === 0 ? NaN : massOf(after) / mass - 1];
}

const CLASSES = [1e-5, 1e-4, 1e-3, 1e-2];

/** Class of the color of an error, e0 (below 1e-5) to e4. */
function classOf(error) {
  const size = Math.abs(error);
  const k = CLASSES.findIndex((limit) => size < limit);
  return `e${k < 0 ? CLASSES.length : k}`;
}

/**
 * Read events from a text with a line of names.
 * @param {string} text
 * @param {number} unit in MeV of the energies
 * @returns events: {jets, missing}; throws an Error whose message names the line.
 */
function readEvents(text, unit) {
  if (text.includes("\0")) throw new Error("this is no text, and this page takes CSV alone.");
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const separator = [";", "\t", ","].find((one) => lines[0].includes(one)) ?? ",";
  const names = lines[0].split(separator).map((name) => name.trim().replace(/^"|"$/g, "").toLowerCase());
  const place = (...known) => names.findIndex((name) => known.includes(name));
  const [energy, mass, pt, eta, phi] = [["e", "energy"], ["mass", "m"], ["pt"], ["eta"], ["phi"]].map((known) => place(...known));
  const event = place("event", "event_id", "event_number", "eventnumber", "entry");
  if (pt < 0 || eta < 0 || phi < 0 || (energy < 0 && mass < 0)) {
    throw new Error("Line 1: the names have to be E (or mass), pt, eta and phi.");
  }
  const events = [];
  let last;
  lines.slice(1).forEach((line, k) => {
    if (!line.trim()) return;
    const cells = line.split(separator).map((cell) => cell.trim());
    const jet = jetOf(cells, { energy, mass, pt, eta, phi }, unit, k + 2);
    const id = event < 0 ? k : cells[event];
    if (!events.length || id !== last) events.push({ jets: [], missing: null });
    last = id;
    events.at(-1).jets.push(jet);
    if (k >= MAX_JETS) throw new Error(`Line ${k + 2}: this page takes ${MAX_JETS} jets at most.`);
  });
  if (!events.length) throw new Error("The file has no jets.");
  return events;
}

/** Make a jet of the cells of a line, or throw an Error that names it. */
function jetOf(cells, places, unit, line) {
  const number = (name) => {
    const cell = cells[places[name]];
    if (cell === undefined || cell === "" || !Number.isFinite(Number(cell))) {
      throw new Error(`Line ${line}: ${name} is no number: ${JSON.stringify(cell ?? "")}.`);
    }
    return Number(cell);
  };
  const [pt, eta, phi] = [number("pt") * unit, number("eta"), number("phi")];
  const p = pt * Math.cosh(eta);
  const energy = places.energy >= 0 ? number("energy") * unit : Math.hypot(p, number("mass") * unit);
  const fault = faultOf([energy, pt, eta, phi]);
  if (fault) throw new Error(`Line ${line}: ${fault}.`);
  return [energy, pt, eta, phi];
}

/** Say what is wrong with a jet; empty where it is sound. */
function faultOf([energy, pt, eta, phi]) {
  if (!(energy > 0)) return "E has to be above 0";
  if (!(pt > 0)) return "pt has to be above 0";
  if (!(Math.abs(eta) < 20)) return "eta has to be between -20 and 20";
  if (!(Math.abs(phi) <= Math.PI + 2 ** -8)) return "phi has to be between -pi and pi";
  return "";
}
