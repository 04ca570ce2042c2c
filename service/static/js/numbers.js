// @ts-check

/**
 * Return the table behind a figure; every text is set as text, never as HTML.
 *
 * @param {{columns: string[], rows: string[][]}} table
 */
export function tableOf({ columns, rows }) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  for (const name of columns) {
    const cell = document.createElement("th");
    cell.textContent = name;
    head.append(cell);
  }
  const body = element.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) {
      line.insertCell().textContent = value;
    }
  }
  return element;
}
