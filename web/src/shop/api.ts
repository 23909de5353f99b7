/** The shop's HTTP interface, typed. Every call goes through the session, which adds the token. */

import { Problem, type Session } from "#sdk";

export interface Product {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly price: number;
}

/** What a customer may say about an order; everything else is the shop's. */
export interface OrderDraft {
  readonly item: string;
  readonly quantity: number;
  readonly note: string;
}

export interface Order extends OrderDraft {
  readonly id: number;
  readonly status: string;
  readonly total: number;
  readonly created_at: string;
}

export interface PostDraft {
  readonly title: string;
  readonly body: string;
}

export interface Post extends PostDraft {
  readonly id: number;
  readonly author: string;
  readonly created_at: string;
}

export interface List<T> {
  readonly items: readonly T[];
  /** Where the next part begins; null at the end. */
  readonly next: string | null;
}

export class Shop {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async products(q: string, sort: string, signal: AbortSignal): Promise<readonly Product[]> {
    const query = new URLSearchParams({ q, sort });
    return (await this.#json<List<Product>>(`products?${query}`, { signal })).items;
  }

  async orders(after: string, signal: AbortSignal): Promise<List<Order>> {
    return this.#json(`orders?${new URLSearchParams({ after })}`, { signal });
  }

  async create(draft: OrderDraft): Promise<void> {
    await this.#call("orders", sent("POST", draft));
  }

  async update(id: number, draft: OrderDraft): Promise<void> {
    await this.#call(`orders/${id}`, sent("PUT", draft));
  }

  async remove(id: number): Promise<void> {
    await this.#call(`orders/${id}`, { method: "DELETE" });
  }

  async invoice(id: number): Promise<Blob> {
    return (await this.#call(`orders/${id}/invoice?name=invoice.txt`)).blob();
  }

  async posts(): Promise<readonly Post[]> {
    return (await this.#json<List<Post>>("posts")).items;
  }

  async publish(draft: PostDraft): Promise<void> {
    await this.#call("posts", sent("POST", draft));
  }

  async #json<T>(path: string, init?: RequestInit): Promise<T> {
    return (await this.#call(path, init)).json() as Promise<T>;
  }

  async #call(path: string, init?: RequestInit): Promise<Response> {
    const response = await this.#session.fetch(path, init);
    if (!response.ok) throw await Problem.from(response);
    return response;
  }
}

function sent(method: string, body: OrderDraft | PostDraft): RequestInit {
  return { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}
