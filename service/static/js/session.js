// @ts-check
import { reload } from "./address.js";

/**
 * Fetch from the service. A write carries what proves that a page of ours sent it; where the session has ended, the
 * page is loaded again, which leads to the log-in and back here.
 *
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function ask(url, options = {}) {
  const proof = document.body.dataset.csrf;
  const headers = proof && options.method ? { "X-CSRF-Token": proof } : {};
  const answer = await fetch(url, { ...options, headers });
  if (answer.status === 401) {
    reload();
  }
  return answer;
}
