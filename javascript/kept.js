// What is kept over a reload and may be large: the browser's database, as a table of names and plain values.
// Where there is none (a private window), nothing is kept and nothing breaks.

const TABLE = "kept";
let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("easel", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(TABLE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opening;
}

async function run(mode, action) {
  try {
    const asked = action((await open()).transaction(TABLE, mode).objectStore(TABLE));
    return await new Promise((resolve, reject) => {
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } catch {
    return undefined;
  }
}

/** @returns {Promise<any>} undefined where nothing is kept under this name */
export const recall = (name) => run("readonly", (table) => table.get(name));

/** Keep a plain value. */
export const keep = (name, value) => run("readwrite", (table) => table.put(value, name));
