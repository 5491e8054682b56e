// What a page says of its user: who it is, and what it is like.

export { description, mended } from "./profile.js";
export { guestRole, logIn } from "./sign-in.js";
