import { startLiveParts } from "./office/live.js";
import { startProtocolEditor } from "./office/protocol.js";
import { startRefresh } from "./office/refresh.js";
import { startUploads } from "./office/upload.js";
import { loadTexts } from "./viewer/texts.js";

loadTexts();
startUploads();
startRefresh();
startLiveParts();
startProtocolEditor();
