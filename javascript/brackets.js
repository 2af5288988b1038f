// Brackets of a prompt, found as the prompt language finds them: a backslash before one makes it a plain sign.

const CLOSED_BY = { "(": ")", "[": "]", "{": "}" };

/**
 * Every pair of brackets, the inner ones first.
 * @param {string} text
 * @returns {{kind: "(" | "[" | "{", start: number, end: number}[]} `end` is behind the closing one
 */
export function pairs(text) {
  const open = [];
  const found = [];
  for (const match of text.matchAll(/\\.|[()[\]{}]/gs)) {
    const sign = match[0];
    if (sign in CLOSED_BY) open.push({ kind: sign, start: match.index });
    else if (sign.length === 1 && open.length && CLOSED_BY[open.at(-1).kind] === sign) {
      found.push({ ...open.pop(), end: match.index + 1 });
    }
  }
  return found;
}

/** Every network tag `<kind:...>`. */
export function tags(text) {
  return [...text.matchAll(/<\w+:[^<>]+>/g)].map((match) => ({ start: match.index, end: match.index + match[0].length }));
}

/** The text with brackets, tags and all that is in them blotted out, sign by sign. */
export function outermost(text) {
  const signs = [...text.replace(/\\./gs, "xx").split("")];
  for (const { start, end } of [...pairs(text), ...tags(text)]) signs.fill("x", start, end);
  return signs.join("");
}
