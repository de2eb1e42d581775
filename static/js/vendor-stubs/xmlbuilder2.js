// vtk.js imports xmlbuilder2 for its XML readers and writers, which the viewer never calls.
// The real package builds functions from text at load time, which the Content-Security-Policy forbids.
export function create() {
  throw new Error("XML files of vtk.js are not supported here");
}
export function convert() {
  throw new Error("XML files of vtk.js are not supported here");
}
