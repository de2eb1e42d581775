// The page on which a person changes the keys.
import { RsKeyMap } from "./keys/key-map.js";
import { loadTexts } from "./viewer/texts.js";

loadTexts();
customElements.define("rs-key-map", RsKeyMap);
