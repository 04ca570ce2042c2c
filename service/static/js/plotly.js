// @ts-check
/** Loads Plotly when the first figure needs it, from our own server. */

/**
 * @typedef {object} Plotly
 * @property {(node: HTMLElement, data: object[], layout: object, config: object) => Promise<unknown>} react
 * @property {(figure: {data: object[], layout: object}, how: object) => Promise<string>} toImage
 */

/** @type {Promise<Plotly> | undefined} */
let loading;

/** Whether Plotly has started: from then on a plot takes no longer than a still. */
export function isPlotlyHere() {
  return "Plotly" in window;
}

/** @returns {Promise<Plotly>} */
export function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.body.dataset.plotly ?? "";
    script.addEventListener("load", () => resolve(/** @type {any} */ (window).Plotly));
    script.addEventListener("error", () => {
      loading = undefined;
      reject(new Error("Plotly could not be loaded; reload the page."));
    });
    document.head.append(script);
  });
  return loading;
}
