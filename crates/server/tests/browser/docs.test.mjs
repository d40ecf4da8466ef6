// `/docs` in a real browser, against a running demo: what a newcomer does in the first minutes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { after, before, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
const demo = JSON.parse(fs.readFileSync(process.env.DEMO_JSON));
// Without these the browser asks its maker's servers for things.
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
let browser;

before(async () => {
  const sandboxed = process.getuid() === 0 ? ["--no-sandbox"] : [];
  browser = await chromium.launch({ executablePath: execFileSync("which", ["chromium"], { encoding: "utf8" }).trim(), args: [...quiet, ...sandboxed] });
});

after(() => browser?.close());

/** A page that records its errors: a request to another server, or a refusal by the policy. */
async function open(path, viewport, server = demo.base_url) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  const wrong = [];
  page.on("request", (request) => {
    const local = [server, "data:", "blob:"].some((begin) => request.url().startsWith(begin));
    if (!local) wrong.push(`requested ${request.url()}`);
  });
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(message.text());
  });
  await page.goto(server + path);
  return { page, wrong };
}

test("an operation is tried against the server that is read from", async () => {
  const { page, wrong } = await open("/docs", DESK);
  await page.getByRole("heading", { name: "Authentication" }).waitFor();
  await page.getByPlaceholder("Token").first().fill(demo.tenants[0].api_key);
  await page.getByPlaceholder("Token").first().blur();
  await page.getByText("Catalogue").first().click();
  await page.getByText("List products").first().click();
  await page.getByRole("button", { name: /Test Request.*get \/v1\/products\)/s }).click();
  const answered = page.waitForResponse((answer) => answer.url().includes("/v1/products"));
  await page.getByRole("button", { name: "Send" }).first().click();
  const answer = await answered;
  assert.equal(answer.status(), 200);
  const ids = (await answer.json()).data.map((product) => product.id);
  assert.ok(ids.includes(demo.product_id), `${ids} without the product of the demo`);
  await page.getByText("200 OK").first().waitFor();
  assert.deepEqual(wrong, []);
});

test("it can be read on a phone", async () => {
  const { page, wrong } = await open("/docs", PHONE);
  await page.getByRole("heading", { name: "Authentication" }).waitFor();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `the page is ${width} px wide`);
  assert.deepEqual(wrong, []);
});

/** No rule of accessibility that a machine can check is broken, and nothing is wider than a phone. */
async function everybody_can_read(page) {
  const found = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes[0].html}`), []);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `the page is ${width} px wide`);
}

for (const path of ["/", "/docs/errors"]) {
  test(`${path} can be read by everybody`, async () => {
    const { page, wrong } = await open(path, PHONE);
    await everybody_can_read(page);
    assert.deepEqual(wrong, []);
  });
}

test("the stand-in's books are on its page", async () => {
  const { page, wrong } = await open("/sandbox", PHONE, demo.sandbox_url);
  await page.getByText("succeeded").first().waitFor();
  await everybody_can_read(page);
  assert.deepEqual(wrong, []);
});
