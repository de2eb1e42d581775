// What the page tells the viewer of the case, and what holds where it says nothing (see README.md).

export function viewerConfig(id = "viewer-config") {
  const node = document.getElementById(id);
  const given = node ? JSON.parse(node.textContent) : {};
  return {
    sided: false,
    laterality: "unknown",
    series: [],
    required: [],
    hanging: [],
    presets: {},
    structures: [],
    landmarks: [],
    marks: [],
    mark_kinds: [],
    resume: undefined,
    keymap: {},
    rendering: "auto",
    ...given,
  };
}
