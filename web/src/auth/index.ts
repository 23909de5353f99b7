/** The hosted pages of `/auth`. One script serves them all; each page names itself. */

import { wirePasswords } from "../ui/password";
import { account } from "./account";
import { forgot, signUp } from "./ask";
import { reset, verifyEmail } from "./link";
import { signIn } from "./sign-in";

const PAGES: Readonly<Record<string, () => void>> = {
  account,
  forgot,
  reset,
  "sign-in": signIn,
  "sign-up": signUp,
  "verify-email": verifyEmail,
};

wirePasswords();
PAGES[document.body.dataset["page"] ?? ""]?.();
