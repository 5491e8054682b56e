// Runs in a worker.

import { configure, onDelivery, record } from "forebay";

onDelivery(({ state }) => postMessage(state));
addEventListener("message", ({ data }) => {
  if (data.config) configure(data.config);
  if (data.record) record({ name: data.record });
});
