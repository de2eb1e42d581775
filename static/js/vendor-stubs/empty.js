// Stands in for Node built-ins (fs, path, url) that the Emscripten decoders mention in branches
// which never run in a browser.
export default {};
