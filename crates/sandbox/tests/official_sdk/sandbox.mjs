// The sandbox at SANDBOX_URL, and the SDK's client to an account of its own there.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Stripe from 'stripe';

const base = new URL(process.env.SANDBOX_URL);

export async function control(path, body) {
  const response = await fetch(new URL(path, base), {
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

export function client(secretKey, options) {
  const address = { host: base.hostname, port: base.port, protocol: 'http' };
  return new Stripe(secretKey, { ...address, maxNetworkRetries: 0, telemetry: false, ...options });
}

export async function account(webhook, fees = {}) {
  const id = `acct_${randomUUID().slice(0, 8)}`;
  const secretKey = `sk_test_${randomUUID()}`;
  await control('/sandbox/accounts', { id, secret_key: secretKey, webhook, fees });
  return { id, secretKey, stripe: client(secretKey) };
}

// A plain call, for what the SDK would not send, and for the body as it is on the wire.
export async function call(secretKey, method, path, form = '', headers = {}) {
  const authorization = `Bearer ${secretKey}`;
  const body = method === 'GET' ? undefined : form;
  const response = await fetch(new URL(path, base), { method, body, headers: { authorization, ...headers } });
  return { status: response.status, body: await response.json() };
}

// An endpoint that keeps what is delivered to it.
export class Receiver {
  received = [];
  #waiting = new Set();

  async listen() {
    this.server = createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        response.end('{}');
        const raw = Buffer.concat(chunks);
        this.received.push({ raw, header: request.headers['stripe-signature'], event: JSON.parse(raw) });
        [...this.#waiting].forEach((look) => look());
      });
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}/stripe`;
  }

  // Resolves with the first delivery that fits, whether it came already or comes later.
  delivery(fits) {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.received.find(({ event }) => fits(event));
        if (found) {
          this.#waiting.delete(look);
          resolve(found);
        }
      };
      this.#waiting.add(look);
      look();
    });
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}
