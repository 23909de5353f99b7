/** A refusal, as the server words it in problem details (RFC 9457). */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /** `topic.reason`, from the one catalogue that the server's log uses too. */
    readonly code: string,
    /** The HTTP status; 0 where no answer came. */
    readonly status: number,
    title: string,
    /** Finds this refusal in the server's log. */
    readonly requestId: string | null = null,
    /** Seconds to wait before the next attempt, where the server named them. */
    readonly retryAfter: number | null = null,
  ) {
    super(title);
  }

  /** Read the refusal out of `response`, whatever stands in its body. */
  static async from(response: Response): Promise<Problem> {
    const body = await response.json().catch(() => null);
    const details: Record<string, unknown> = body !== null && typeof body === "object" ? body : {};
    const text = (value: unknown, otherwise: string) =>
      typeof value === "string" ? value : otherwise;
    const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
    return new Problem(
      text(details["code"], "answer.unexpected"),
      response.status,
      text(details["title"], "The server gave an answer that was not expected."),
      response.headers.get("X-Request-Id"),
      Number.isNaN(retryAfter) ? null : retryAfter,
    );
  }
}
