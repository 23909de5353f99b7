import { Problem } from "./problem";

/** No answer within this time counts as none: a hung request must not hold the tabs' lock. */
const PATIENCE_MS = 20_000;

/** Where the auth service is: this file is one of its own, wherever it is mounted. */
export const SERVICE = new URL("../", import.meta.url);

export interface Call {
  method?: "GET" | "POST" | "DELETE";
  body?: Readonly<Record<string, unknown>>;
  /** The access token to show, where the call needs one. */
  bearer?: string;
}

/** Call `path` of the auth service, the one place that ever gets the refresh cookie. */
export async function call(path: string, options: Call = {}): Promise<Response> {
  const headers = new Headers({ Accept: "application/json" });
  if (options.body) headers.set("Content-Type", "application/json");
  if (options.bearer) headers.set("Authorization", `Bearer ${options.bearer}`);
  return accepted(
    fetch(new URL(path, SERVICE), {
      method: options.method ?? "POST",
      headers,
      body: options.body ? JSON.stringify(options.body) : null,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    }),
  );
}

/** Wait for `request`, and throw what it refuses. */
export async function accepted(request: Promise<Response>): Promise<Response> {
  const response = await answer(request);
  if (!response.ok) throw await Problem.from(response);
  return response;
}

/** Wait for `request`, and word the case that no answer came like every other refusal. */
export async function answer(request: Promise<Response>): Promise<Response> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem("network.unreachable", 0, "The server could not be reached.");
  }
}
