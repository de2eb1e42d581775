// Imported first: the server looks for the images while the rest of the page's script is still being run.
import { askEarly } from "./early.js";

askEarly();
