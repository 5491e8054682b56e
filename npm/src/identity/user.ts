// Whose events are recorded at present: those of this browser's guest, or of a user who is signed in.

import { withCore } from "../module/core.js";
import { type Taken, taken, takeOver } from "../queue/intake.js";
import { add } from "../queue/outbox.js";
import { network } from "../queue/turns.js";
import { page } from "../setup.js";
import { identities, loggedIn, numberOf } from "./credentials.js";
import { identityId } from "./ids.js";
import type { SignIn } from "./sign-in.js";

/** The core's number of the identity. */
export let current = 0;
/** The user who signed in, as long as it is not known which guest that was. */
let newUser = "";
/** Goes up with each of the calls below: the last call counts, not the one that the pool answers last. */
let calls = 0;

/** Takes events of the present identity. */
export function addOwn(all: Taken[]): void {
  add(all, identities[current]);
}

export async function signIn(input: SignIn): Promise<void> {
  const call = ++calls;
  const user = await loggedIn(input);
  if (call !== calls) return;
  become(user);
  link();
}

export function signOut(): void {
  calls++;
  become("");
}

/** Records as this identity. If it already did, its session goes on, and new tokens are tried at once. */
function become(identity: string): void {
  const number = numberOf(identity);
  if (number !== current) {
    addOwn(takeOver(identity));
    current = number;
    newUser = identity || newUser;
    withCore((core) => core.outbox_set_current(current));
  }
  network();
}

/** Records which guest a new user was, as soon as the guest is known. */
export function link(): void {
  const guest = identityId();
  if (!guest || !newUser) return;
  const user = newUser;
  newUser = "";
  const event = { name: "_identity.link", attributes: { guest, user } };
  add(taken({ id: page.uuid(), at: Date.now(), event }), user);
}

/** Goes on as the guest. */
export function forgetUser(): void {
  calls++;
  current = 0;
}
