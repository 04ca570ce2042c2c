// @ts-check

/**
 * @typedef {object} Table
 * @property {string[]} columns
 * @property {string[][]} rows
 */

/** How a table names a trial: by its number, maybe with more words behind it. */
const TRIAL = /^#(\d+)(?= |$)/;

/**
 * Return the table behind a figure; every text is set as text, never as HTML. A row stands for the trial that
 * its column `trial` names.
 *
 * @param {Table} table
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
  const place = columns.indexOf("trial");
  for (const row of rows) {
    const line = body.insertRow();
    const number = TRIAL.exec(row[place] ?? "")?.[1];
    if (number) {
      line.dataset.trialNumber = number;
    }
    for (const value of row) {
      line.insertCell().textContent = value;
    }
  }
  return element;
}
