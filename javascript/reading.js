// How the server reads the prompts as they are now: asked when typing rests, the latest answer wins.
import { readPrompts } from "./api.js";
import { PROMPTS, areaOf, texts } from "./boxes.js";
import { onValues, values } from "./form.js";
import { state, watch } from "./store.js";
import { onStyles, withChosen } from "./styles.js";

const REST_MS = 150;
const USUAL_STEPS = 20;

let timer = 0;
let turn = 0;
let asked = "";
let current = null;
const watchers = [];

/**
 * Call `listener(reading)` with every answer of `POST /easel/prompt`; null: there is nothing to read.
 * @param {(reading: Object | null) => void} listener
 */
export function onReading(listener) {
  watchers.push(listener);
}

/** The last answer. */
export const reading = () => current;

/** Begin to ask. */
export function wireReading() {
  for (const name of PROMPTS) areaOf(name).addEventListener("input", soon);
  onValues(soon);
  onStyles(soon);
  watch((what) => {
    if (what !== "connection" || !state.connected || current) return;
    asked = "";
    soon();
  });
  soon();
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(ask, REST_MS);
}

async function ask() {
  const plain = texts();
  const read = withChosen(plain);
  const steps = Number.isInteger(values.steps) && values.steps > 0 ? values.steps : USUAL_STEPS;
  const question = { ...read, steps, sampler: values.sampler ?? "" };
  const key = JSON.stringify([question, plain]);
  if (key === asked) return;
  asked = key;
  const mine = ++turn;
  let answer = null;
  if (PROMPTS.some((name) => read[name].trim())) {
    try {
      answer = await readPrompts(question);
    } catch {
      // Without an answer there is nothing to show; that the server is away is said elsewhere.
      if (mine === turn) asked = "";
    }
  }
  if (mine !== turn) return;
  current = answer && placed(answer, plain, read);
  for (const watcher of watchers) watcher(current);
}

/** The remarks' places, counted in the boxes: a chosen style may have put text in front. */
function placed(answer, plain, read) {
  const warnings = answer.warnings.map((warning) => {
    const box = plain[warning.field];
    const shift = read[warning.field] === box ? 0 : read[warning.field].indexOf(box.trim()) - box.indexOf(box.trim());
    const [start, end] = [warning.start - shift, warning.end - shift];
    const there = warning.start !== null && box.trim() && start >= 0 && end <= box.length;
    return { ...warning, start: there ? start : null, end: there ? end : null };
  });
  return { ...answer, warnings };
}
