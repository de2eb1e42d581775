// Words of the viewer. The page carries a catalogue {msgid: translation}; English is the msgid itself.

let catalogue = {};

/** Read the catalogue of the page; called once when the viewer starts. */
export function loadTexts(root = document) {
  const node = root.getElementById("ui-texts");
  if (!node) return;
  try {
    catalogue = JSON.parse(node.textContent) ?? {};
  } catch (error) {
    console.warn("The catalogue of texts could not be read; English is shown", error);
  }
}

export function setTexts(texts) {
  catalogue = texts;
}

/**
 * Translation of a message, with {named} places filled in.
 *
 * @param {string} msgid English text.
 * @param {object} values
 */
export function t(msgid, values = {}) {
  return (catalogue[msgid] || msgid).replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}
