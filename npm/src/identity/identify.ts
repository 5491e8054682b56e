// The script `identify.js`: signs a user in, and describes a user.

export { description, mended } from "./profile.js";
export { guestRole, logIn } from "./sign-in.js";
