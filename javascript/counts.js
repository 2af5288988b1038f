// The number of tokens of each prompt, at the corner of its box: "12 / 75".
import { PROMPTS, areaOf } from "./boxes.js";
import { el } from "./dom.js";
import { blockOf, named } from "./fields.js";
import { onReading } from "./reading.js";

/** Wire the counts. */
export function wireCounts() {
  for (const name of PROMPTS) {
    const count = el("span", { class: "easel-count", role: "note", hidden: true });
    blockOf(named(name)).append(count);
    onReading((reading) => show(count, name, reading));
  }
}

/** The longest text of a prompt: schedules and AND have several. */
function longest(parts) {
  const texts = parts.flatMap((part) => part.texts);
  return texts.reduce((most, text) => (text.limit > most.limit || (text.limit === most.limit && text.used > most.used) ? text : most));
}

function show(count, name, reading) {
  const text = reading && longest(name === "prompt" ? reading.parts : [reading.negative]);
  count.hidden = !text || text.limit === 0 || (text.used === 0 && !areaOf(name).value.trim());
  if (count.hidden) return;
  const remarks = reading.warnings.filter((warning) => warning.field === name);
  const chunks = text.chunks.length;
  const words = `${text.used} of ${text.limit} tokens${chunks > 1 ? `, in ${chunks} chunks` : ""}`;
  count.textContent = `${text.used} / ${text.limit}`;
  count.title = chunks > 1 ? `${words}: ${text.chunks.map((chunk) => chunk.used).join(" + ")}` : words;
  count.setAttribute("aria-label", words);
  count.classList.toggle("easel-count-warns", remarks.length > 0);
}
