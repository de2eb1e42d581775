// Texts of the office's scripts, from the page's catalogue; English where a translation is missing.

export function text(id) {
  const element = document.getElementById("ui-texts");
  const catalogue = element ? JSON.parse(element.textContent) : {};
  return catalogue[id] || id;
}
