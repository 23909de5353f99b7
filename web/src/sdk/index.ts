/** Ringfence in the browser. Served at `/auth/static/ringfence.js`. */

export { forgotPassword, resetPassword, signUp, verifyEmail } from "./account";
export { SERVICE } from "./http";
export { Problem } from "./problem";
export { Session, type Device, type User } from "./session";
