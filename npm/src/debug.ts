import type { Delivery } from "./types.js";

const MEANING: Record<Delivery["state"], string> = {
  recorded: "is valid, and waits to be sent",
  stored: "is on disk, and outlives this page",
  sent: "is on its way to the endpoint",
  delivered: "has arrived",
  invalid: "is not what the schema asks for, and will not be sent",
  rejected: "was refused by the endpoint, and will not be sent again",
  dropped: "will not be sent",
};

/** Says on the console what a step of an event means, without any value of the event. */
export function explain({ id, name, state, reason, violations }: Delivery): void {
  const failed = ["invalid", "rejected", "dropped"].includes(state);
  const say = failed ? console.warn : console.info;
  say(`Forebay: ${name} ${id} ${MEANING[state]}${reason ? `: ${reason}` : "."}`);
  for (const { path, expected, actual } of violations ?? []) {
    console.warn(`Forebay: ${path} has to be ${expected}, and is ${actual}.`);
  }
}
