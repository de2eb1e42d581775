import { startProtocolEditor } from "./office/protocol.js";
import { startRefresh } from "./office/refresh.js";
import { startUploads } from "./office/upload.js";

startUploads();
startRefresh();
startProtocolEditor();
