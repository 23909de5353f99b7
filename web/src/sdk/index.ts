/** Ringfence in the browser. Served at `/auth/static/ringfence.js`. */

export { forgotPassword, resetPassword, signUp } from "./account";
export { clientKey, type Kdf } from "./derive";
export { knowsPasskeys, type Factor, type NextStep, type Shown, type TotpSetup } from "./factors";
export { SERVICE } from "./http";
export { Problem } from "./problem";
export { type Step } from "./proof";
export { Session, type Device, type User } from "./session";
