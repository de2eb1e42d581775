// The images of a case on the results pages: the viewer alone, without a grading panel.
import { askEarly } from "./viewer/early.js";
import "./viewer/index.js";

askEarly();
