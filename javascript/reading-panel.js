// "How this prompt is read": parts, texts over the steps, tokens and their weights, chunks, tags. Drawn when it is open.
import { byId, el } from "./dom.js";
import { onReading, reading } from "./reading.js";
import { remarkLine } from "./remarks.js";

const MOST_TEXTS = 6;
const MOST_WORDS = 600;
const KEY = "easel.reading";

/** Wire the panel. */
export function wireReadingPanel() {
  const panel = byId("easel_reading");
  panel.open = sessionStorage.getItem(KEY) === "open";
  panel.addEventListener("toggle", () => {
    sessionStorage.setItem(KEY, panel.open ? "open" : "");
    render(reading());
  });
  onReading(render);
}

function render(answer) {
  if (!byId("easel_reading").open) return;
  const body = byId("easel_reading_body");
  if (!answer) return body.replaceChildren(el("p", { class: "easel-note" }, "Write a prompt, and see here what becomes of it."));
  const parts = answer.parts.map((part, place) => section(heading(answer.parts, place), part));
  const negative = answer.negative.texts.some((text) => text.used) ? [section("Negative prompt", answer.negative)] : [];
  body.replaceChildren(...parts, ...negative, ...tagSection(answer.tags), ...remarkSection(answer.warnings));
}

function heading(parts, place) {
  const weight = parts[place].weight === 1 ? "" : ` · weight ${number(parts[place].weight)}`;
  return parts.length === 1 ? `Prompt${weight}` : `Part ${place + 1} of ${parts.length}${weight}`;
}

/** One AND part, or the negative prompt. */
function section(title, part) {
  const several = part.schedule.length > 1;
  const shown = part.texts.slice(0, MOST_TEXTS);
  const texts = shown.map((text, place) =>
    el("div", { class: "easel-read-text" }, several ? el("p", { class: "easel-note" }, key(place), ` ${when(part.schedule, place)}`) : null, ...chunks(text)),
  );
  const more = part.texts.length - shown.length;
  if (more > 0) texts.push(el("p", { class: "easel-note" }, `And ${more} more ${more === 1 ? "text" : "texts"}.`));
  return el("section", {}, el("h3", {}, title), several ? timeline(part.schedule) : null, ...texts);
}

const letter = (place) => String.fromCharCode(65 + (place % 26));
const key = (place) => el("b", { class: "easel-key", "data-tint": String(place % 3) }, letter(place));

/** The steps from left to right, and which text holds in each. */
function timeline(schedule) {
  const segments = schedule.map(({ from_step: from, to_step: to, text, reading: place }) => {
    const segment = el("li", { "data-tint": String(place % 3), title: `${steps(from, to)}: ${text.trim()}` }, el("span", {}, letter(place)));
    segment.style.flexGrow = String(to - from + 1);
    return segment;
  });
  const last = Math.max(...schedule.map((entry) => entry.to_step));
  const ends = el("p", { class: "easel-timeline-ends", "aria-hidden": "true" }, el("span", {}, "1"), el("span", {}, String(last)));
  return el("div", { class: "easel-timeline" }, el("ol", { "aria-label": `Texts over ${last} steps` }, ...segments), ends);
}

const steps = (from, to) => (from === to ? `step ${from}` : `steps ${from} to ${to}`);

/** "steps 1 to 10", or "10 times between steps 1 and 20". */
function when(schedule, place) {
  const own = schedule.filter((entry) => entry.reading === place);
  if (own.length <= 3) return own.map((entry) => steps(entry.from_step, entry.to_step)).join(", ");
  return `${own.length} times between steps ${own[0].from_step} and ${own.at(-1).to_step}`;
}

function chunks(text) {
  if (text.chunks.length === 0) return [el("p", { class: "easel-note" }, "Too long to show.")];
  if (text.used === 0) return [el("p", { class: "easel-note" }, "No words.")];
  let room = MOST_WORDS;
  return text.chunks.filter(() => room > 0).map((chunk, place) => {
    const label = text.chunks.length > 1 ? el("small", { class: "easel-chunk-end" }, `Chunk ${place + 1}: ${chunk.used} of ${chunk.limit}`) : null;
    const runs = runsOf(wordsOf(chunk.tokens).slice(0, room));
    room -= chunk.tokens.length;
    return el("p", { class: "easel-chunk" }, label, ...runs);
  });
}

/** Tokens that belong together: a word may have several. */
function wordsOf(tokens) {
  const words = [];
  let begins = true;
  for (const token of tokens) {
    if (begins || words.at(-1)[0].weight !== token.weight) words.push([]);
    words.at(-1).push(token);
    begins = token.ends_word || token.is_embedding;
  }
  return words;
}

/** Words that follow one another with one weight, tinted by it. */
function runsOf(words) {
  const runs = [];
  for (const word of words) {
    const { weight } = word[0];
    if (runs.at(-1)?.weight !== weight) runs.push({ weight, words: [] });
    runs.at(-1).words.push(word);
  }
  return runs.flatMap(({ weight, words: own }, place) => [place ? gap(own[0]) : "", run(weight, own)]);
}

/** Before a comma there is no space. */
const gap = (word) => (/^[,.;:!?)]/.test(word[0].text) ? "" : " ");

function run(weight, words) {
  const shown = words.flatMap((word, place) => [place ? gap(word) : "", wordSpan(word)]);
  if (weight === 1) return el("span", {}, ...shown);
  const kind = weight > 1 ? "more" : weight < 0 ? "against" : "less";
  const node = el("span", { class: "easel-weighted", "data-weight": kind }, ...shown, "\u00a0", el("small", {}, number(weight)));
  node.style.setProperty("--easel-strength", `${Math.round(Math.min(1, Math.abs(weight - 1)) * 50) + 12}%`);
  return node;
}

function wordSpan(tokens) {
  const places = tokens.reduce((sum, token) => sum + token.places, 0);
  const title = tokens[0].is_embedding ? `Embedding, ${places} tokens` : places === 1 ? "1 token" : `${places} tokens`;
  const kind = tokens[0].is_embedding ? "easel-word easel-embedding" : "easel-word";
  return el("span", { class: kind, title }, ...tokens.map((token) => el("i", {}, token.text)));
}

function tagSection(tags) {
  if (tags.length === 0) return [];
  const chip = (tag) => {
    const named = Object.entries(tag.named).map(([name, value]) => `${name}=${value}`);
    const unknown = tag.known === false ? ", not found" : "";
    return el("div", { class: "easel-chip" }, el("dt", {}, tag.kind), el("dd", {}, [tag.name, ...tag.arguments, ...named].join(" · ") + unknown));
  };
  return [el("section", {}, el("h3", {}, "Networks"), el("dl", { class: "easel-chips" }, ...tags.map(chip)))];
}

function remarkSection(warnings) {
  if (warnings.length === 0) return [];
  return [el("section", {}, el("h3", {}, "Remarks"), el("ul", { class: "easel-remarks" }, ...warnings.map(remarkLine)))];
}

const number = (weight) => String(Math.round(weight * 100) / 100);
