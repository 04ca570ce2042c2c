// @ts-check
/** Starts what a page asks for by its data attributes. There is no global state beyond the page itself. */

import { startAddress } from "./address.js";
import { keepChoices } from "./choices.js";
import { startBulk } from "./bulk.js";
import { startCommandLines } from "./command_lines.js";
import { startCommands } from "./commands.js";
import { restore, startControls } from "./controls.js";
import { startFigures } from "./figures.js";
import { startFilters } from "./filters.js";
import { followEvents } from "./live.js";
import { startLog } from "./log.js";
import { refreshParts, startParts } from "./parts.js";
import { startSelection } from "./selection.js";
import { startTables } from "./tables.js";
import { startTheme } from "./theme.js";
import { throttle } from "./throttle.js";
import { startToolbars } from "./toolbar.js";
import { whenVisible } from "./visible.js";

const REDRAW_MS = 500;
const IDLE_REFRESH_MS = 15_000;

startAddress();
startTheme(document);
startControls(document);
startSelection(document);
startToolbars(document);
startParts(document);
const figures = startFigures(document);
const log = startLog(document);

async function refresh() {
  await refreshParts(document);
  restore(document);
  figures.adopt();
  await Promise.all([figures.refresh(), log.refresh()]);
}

const redraw = whenVisible(document, throttle(refresh, REDRAW_MS));

keepChoices(document);
startCommands(document, redraw);
startBulk(document, redraw);
startFilters(document);
startCommandLines(document);
startTables(document);
const { events, after = "" } = document.body.dataset;
if (events) {
  followEvents(events, after, redraw, document.getElementById("connection"));
  setInterval(redraw, IDLE_REFRESH_MS);
}
