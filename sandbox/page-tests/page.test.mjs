// Promises of the sandbox's page, in a browser.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Account, browse, open, serve, until } from "./harness.mjs";

let sandbox;
let browser;
let account;

before(async () => {
  [sandbox, browser] = await Promise.all([serve("--slow", "1h"), browse()]);
  account = await Account.activate(sandbox.url, "the-pages-first-device");
  // Enough for all that follows.
  const topup = await account.call("POST", "/v1/account/topup", { amount_usd: 50 }, { "idempotency-key": "topup" });
  await fetch(topup.data.next_action_url, { method: "POST", redirect: "manual" });
});
after(async () => {
  await browser?.close();
  await sandbox?.stop();
});

const card = (page, id) => page.locator(`[data-job="${id}"]`);

test("a job appears, makes progress, and is seen to be cancelled", () =>
  open(browser, sandbox.page, async (page) => {
    await page.getByText("No jobs yet").waitFor();
    const id = await account.generate("a slow boat", { model: "sandbox/slow" });
    await card(page, id).locator(".state", { hasText: "running" }).waitFor();
    const value = () => card(page, id).locator("progress").evaluate((bar) => bar.value);
    await until(page, (id) => document.querySelector(`[data-job="${id}"] progress`).value > 0, id);
    const first = await value();
    await until(page, ([id, first]) => document.querySelector(`[data-job="${id}"] progress`).value > first, [id, first]);
    await account.call("POST", `/v1/video/jobs/${id}/cancel`, {});
    await card(page, id).locator(".state", { hasText: "cancelled" }).waitFor();
    assert.equal(await card(page, id).locator("progress").isVisible(), false);
    await page.locator("#ledger-list tr", { hasText: "refund" }).first().waitFor();
    assert.equal(await page.locator("#balance").textContent(), "$52.00");
  }));

test("a finished job's picture is shown and its video plays, by keyboard, while the page goes on", () =>
  open(browser, sandbox.page, async (page) => {
    const id = await account.generate("a quick brown fox", { duration_seconds: 3 });
    const video = card(page, id).locator("video");
    await video.waitFor();
    const picture = await video.evaluate(async (video) => {
      const image = new Image();
      image.src = video.poster;
      await image.decode();
      return [image.naturalWidth > 0, video.autoplay, video.currentTime];
    });
    assert.deepEqual(picture, [true, false, 0]);
    await video.focus();
    await page.keyboard.press("Space");
    await until(page, (id) => document.querySelector(`[data-job="${id}"] video`).currentTime > 0.2, id);
    // Another job comes before it meanwhile: the one that plays is not disturbed.
    const next = await account.generate("another", { model: "sandbox/stuck" });
    await card(page, next).waitFor();
    const [time, paused, error, width] = await video.evaluate((video) => [video.currentTime, video.paused, video.error?.message, video.videoWidth]);
    assert.deepEqual([time > 0, paused, error, width], [true, false, undefined, 1280]);
    const address = await card(page, id).getByRole("link", { name: "Video" }).getAttribute("href");
    assert.equal((await fetch(address)).headers.get("content-type"), "video/mp4");
    await account.call("POST", `/v1/video/jobs/${next}/cancel`, {});
  }));

test("the form generates a video of the shown account, and says why it does not", () =>
  open(browser, sandbox.page, async (page) => {
    await page.getByText("Options").click();
    await page.getByLabel("Model").selectOption("sandbox/stuck");
    await page.getByLabel("Seconds").fill("1.5");
    await page.getByLabel("Prompt").fill("a boat of the page");
    await page.keyboard.press("Enter");
    const made = page.locator(".job", { hasText: "a boat of the page" });
    await made.getByText("1.5 s · 720p · 16:9 · balanced · $0.03 · sandbox/stuck").waitFor();
    assert.equal(await page.getByLabel("Prompt").inputValue(), "");
    await account.call("POST", `/v1/video/jobs/${await made.getAttribute("data-job")}/cancel`, {});
    await made.locator(".state", { hasText: "cancelled" }).waitFor();
    // It makes the call of a client, which meets faults.
    await account.call("POST", "/sandbox/faults", { fault: "POST /v1/video/generate: status=402 times=1" });
    await page.getByLabel("Prompt").fill("too dear");
    await page.getByRole("button", { name: "Generate" }).click();
    await page.locator("#generate-error", { hasText: "an injected fault" }).waitFor();
    assert.equal(await page.getByLabel("Prompt").inputValue(), "too dear");
    await account.call("DELETE", "/sandbox/faults");
  }, { errors: true })); // The refusal is in the console too.

test("ids and the lines for a shell are copied, and a key is made and copied on demand", () =>
  open(browser, sandbox.page, async (page) => {
    const copied = async (name) => {
      await page.getByRole("button", { name }).first().click();
      return page.evaluate(() => navigator.clipboard.readText());
    };
    const id = await page.locator(".job").first().getAttribute("data-job");
    assert.equal(await copied(`Copy the id ${id}`), id);
    assert.equal(await copied("Copy the wallet’s id"), account.id);
    const lines = await copied("Copy the lines");
    assert.match(lines, new RegExp(`^export INFRAI_BASE_URL=${sandbox.url}\nexport INFRAI_CREDENTIALS_FILE=\\S+/credentials$`));
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.locator("#exports", { hasText: "INFRAI_API_KEY" }).waitFor();
    const other = Object.assign(new Account(), { url: sandbox.url, key: (await copied("Copy the lines")).split("INFRAI_API_KEY=")[1] });
    assert.equal((await other.call("GET", "/sandbox/ledger")).data.account_id, account.id);
  }, { options: { permissions: ["clipboard-read", "clipboard-write"] } }));

test("queued jobs take little room, and the page says when it has only the latest", async () => {
  const busy = await serve("--render-workers", "1");
  const owner = await Account.activate(busy.url, "the-pages-busy-device");
  await owner.call("POST", "/sandbox/credit", { amount_usd: 100 });
  const long = { duration_seconds: 60, resolution: "1080p" };
  for (let number = 0; number < 48; number += 1) await owner.generate(`kite ${number}`, long);
  await open(browser, busy.page, async (page) => {
    const queued = page.locator('.job[data-state="queued"]').first();
    await queued.waitFor();
    assert.equal(await queued.locator(".screen").isVisible(), false);
    assert.ok((await queued.boundingBox()).height < 100);
    await page.getByRole("button", { name: "Show all 48" }).waitFor();
    assert.equal(await page.locator("#older-jobs").isVisible(), false);
    await owner.generate("kite 48", long);
    await page.getByText("the latest 48 of 49 jobs").waitFor();
    await page.getByRole("button", { name: "Show the latest 48" }).click();
    await until(page, () => document.querySelectorAll(".job").length === 48);
  }).finally(busy.stop);
});

test("a fault that is set in the page meets the next request, and none once it is cleared", () =>
  open(browser, sandbox.page, async (page) => {
    await page.getByText("No faults in force.").waitFor();
    await page.getByLabel("Preset").selectOption("Generate: 503 twice, then fine");
    await page.getByRole("button", { name: "Set fault" }).click();
    const fault = page.locator("#fault-list li", { hasText: "status=503 retry-after=1 times=2" });
    await fault.getByText("met 0 requests, 2 to go").waitFor();
    const refused = await account.call("POST", "/v1/video/generate", { prompt: "x" }, { "idempotency-key": "met-one" });
    assert.deepEqual([refused.status, refused.error.code], [503, "VENDOR_DOWN"]);
    await fault.getByText("met 1 request, 1 to go").waitFor();
    const row = page.locator("#request-list tr", { hasText: "met-one" });
    await row.locator('.status:text-is("503")').waitFor();
    assert.match(await row.textContent(), /POST \/v1\/video\/generate.*key met-one.*met POST \/v1\/video\/generate: status=503/);
    await fault.getByRole("button", { name: /^Clear POST/ }).click();
    await page.getByText("No faults in force.").waitFor();
    assert.deepEqual((await account.call("GET", "/sandbox/faults")).data.faults, []);
    assert.equal((await account.call("POST", "/v1/video/generate", { prompt: "" })).status, 400);
  }));

test("the keyboard is enough to set a fault, and a wrong one is refused with the reason", () =>
  open(browser, sandbox.page, async (page) => {
    const reached = [];
    for (let step = 0; step < 60 && !reached.includes("own"); step += 1) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement.id));
    }
    for (const id of ["pause", "preset", "fault", "own"]) assert.ok(reached.includes(id), `${id}: ${reached}`);
    await page.locator("#fault").focus();
    await page.keyboard.type("GET /healthz: colour=red");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "colour" }).waitFor();
    assert.deepEqual((await account.call("GET", "/sandbox/faults")).data.faults, []);
    await page.locator("#fault").fill("GET /healthz: status=418 times=1");
    await page.keyboard.press("Enter");
    await page.locator("#fault-list li", { hasText: "status=418" }).waitFor();
    assert.equal(await page.locator("#fault-error").textContent(), "");
    assert.equal((await account.call("GET", "/healthz")).status, 418);
    await account.call("DELETE", "/sandbox/faults");
  }, { errors: true })); // The refusal is in the console too.

test("no fault meets the page, and what it loads is no client's request until it is asked for", () =>
  open(browser, sandbox.page, async (page) => {
    await account.call("POST", "/sandbox/faults", { fault: "*: status=500" });
    await page.locator("#fault-list li", { hasText: "*: status=500" }).waitFor();
    await page.reload();
    await page.locator("#fault-list li", { hasText: "met 0 requests" }).waitFor();
    await page.locator("#fault-list li").getByRole("button").click();
    await page.getByText("No faults in force.").waitFor();
    const own = page.locator("#request-list tr", { hasText: "/sandbox/page/" });
    assert.equal(await own.count(), 0);
    const told = (await account.call("GET", "/sandbox/requests")).data.requests;
    assert.ok(told.length > 0 && told.every(({ path }) => path !== "/" && !path.startsWith("/sandbox/page")));
    await page.getByLabel("This page’s too").check();
    await own.first().waitFor();
    await page.getByLabel("This page’s too").uncheck();
    await own.first().waitFor({ state: "detached" });
  }));

test("whatever comes from outside is text", () =>
  open(browser, sandbox.page, async (page) => {
    const nasty = "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script>";
    const id = await account.generate(nasty, { model: "sandbox/fail" }, { "idempotency-key": "<b>key</b>" });
    await account.call("POST", "/sandbox/faults", { fault: "/<svg/onload=window.hit=1>*: cut=1" });
    await card(page, id).locator(".state", { hasText: "failed" }).waitFor();
    assert.equal(await card(page, id).locator(".prompt").textContent(), nasty);
    assert.notEqual(await card(page, id).locator(".error").textContent(), "");
    await page.locator("#fault-list code", { hasText: "<svg/onload=window.hit=1>" }).waitFor();
    await page.locator("#request-list .under", { hasText: "key <b>key</b>" }).first().waitFor();
    const made = await page.evaluate(() => [window.hit, document.querySelectorAll("img, svg, main script, td b b").length]);
    assert.deepEqual(made, [undefined, 0]);
    // Even code that runs in the page cannot make markup of a string, or load a thing from elsewhere.
    const barred = await page.evaluate(() => {
      try {
        document.body.insertAdjacentHTML("beforeend", "<b></b>");
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(barred);
    await account.call("DELETE", "/sandbox/faults");
  }, { errors: true })); // The refused markup is in the console.

test("without what follows the address's #, jobs and wallets stay closed, and no key is ever sent to the page", async () => {
  const secret = await account.generate(`the secret plan of ${account.key}`, { model: "sandbox/stuck" }, { "idempotency-key": account.key });
  const texts = async (answers) => (await Promise.all(answers.map((answer) => answer.text().catch(() => "")))).join("\n");
  await open(browser, `${sandbox.url}/`, async (page, answers) => {
    await page.getByText("the full address").waitFor();
    assert.deepEqual([await page.locator("#jobs").isVisible(), await page.locator("#wallet").isVisible()], [false, false]);
    const told = await texts(answers);
    assert.ok(told.includes('"unlocked":false') && !told.includes("secret plan") && !told.includes(account.id));
    // The rest of the address, put behind it, opens them.
    await page.goto(sandbox.page);
    await card(page, secret).waitFor();
  });
  await open(browser, sandbox.page, async (page, answers) => {
    await card(page, secret).getByText("the secret plan of ifr_pk_proj_…").waitFor();
    const told = (await texts(answers)) + (await page.content());
    assert.ok(told.includes("ifr_pk_proj_…"));
    assert.ok(!told.includes(account.key) && !told.includes(account.key.slice(12, 24)));
  });
  await account.call("POST", `/v1/video/jobs/${secret}/cancel`, {});
});

test("another account is shown when it was used last, and the first one when it is chosen", () =>
  open(browser, sandbox.page, async (page) => {
    await page.locator("#account-facts", { hasText: account.id }).waitFor();
    const other = await Account.activate(sandbox.url, "the-pages-second-device");
    await page.locator("#account-facts", { hasText: other.id }).waitFor();
    assert.equal(await page.locator("#balance").textContent(), "$2.00");
    await page.getByLabel("Account").selectOption(account.id);
    await page.locator("#account-facts", { hasText: account.id }).waitFor();
    assert.ok((await page.locator(".job").count()) > 0);
  }));

test("nothing is sent again while nothing changes, and nothing is asked while it is paused", () =>
  open(browser, sandbox.page, async (page, answers) => {
    const polls = () => answers.filter((answer) => answer.url().includes("/sandbox/page/state"));
    while (polls().filter((answer) => answer.status() === 304).length < 3) await page.waitForEvent("response");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator('#connection[data-is="paused"]').waitFor();
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.waitForTimeout(2500);
    assert.deepEqual(asked, []);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.locator('#connection[data-is="live"]').waitFor();
    await page.waitForEvent("response");
  }));

test("on a phone nothing is wider than the screen", async () => {
  await account.generate("W".repeat(400), { model: "sandbox/fail" }, { "idempotency-key": "k".repeat(255) });
  await account.call("POST", "/sandbox/faults", { fault: `GET /${"x".repeat(300)}: cut=1` });
  for (const width of [320, 390]) {
    await open(browser, sandbox.page, async (page) => {
      await page.locator("#fault-list li").first().waitFor();
      await page.locator("#request-list .under").first().waitFor();
      await page.locator("video").first().waitFor();
      const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(screen === width && content <= width, `${content} > ${width}`);
      const wide = await page.evaluate(() => [...document.querySelectorAll(".scroll")].filter((part) => part.scrollWidth > part.clientWidth).length);
      assert.equal(wide, 0, "tables fit too");
      const lines = await page.locator(".path", { hasText: /^\/v1\/video\/generate$/ }).first().evaluate((path) => new Set([...path.getClientRects()].map(({ top }) => top)).size);
      assert.equal(lines, 1, "a path fits its row");
    }, { options: { viewport: { width, height: 700 }, isMobile: true, hasTouch: true } });
  }
  await account.call("DELETE", "/sandbox/faults");
});

for (const scheme of ["light", "dark"]) {
  test(`in the ${scheme} scheme every text stands out, every control has a name, and nothing moves unasked`, () =>
    open(browser, sandbox.page, async (page) => {
      await page.getByLabel("Account").selectOption(account.id);
      await page.locator("video").first().waitFor();
      const { ground, faint, nameless, moving } = await page.evaluate(inspect);
      assert.equal(ground < 0.2, scheme === "dark", `the ground's luminance is ${ground}`);
      assert.deepEqual([faint, nameless, moving], [[], [], 0]);
    }, { options: { colorScheme: scheme, reducedMotion: "reduce" } }));
}

/** Runs in the page: how light its ground is, and which texts are below the contrast of WCAG AA. */
function inspect() {
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const visible = [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility());
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  const faint = visible.filter(own).filter((element) => {
    const [text, behind] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
    return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05) < 4.5;
  });
  const controls = visible.filter((element) => element.matches("button, input, select, video, a, [tabindex]"));
  const named = (element) => element.getAttribute("aria-label") || element.getAttribute("aria-labelledby") || element.labels?.length || element.textContent.trim();
  return {
    ground: luminance(getComputedStyle(document.body).backgroundColor),
    faint: faint.map((element) => element.outerHTML.slice(0, 100)),
    nameless: controls.filter((element) => !named(element)).map((element) => element.outerHTML.slice(0, 100)),
    moving: document.getAnimations().length,
  };
}

test("a sandbox that is gone is said to be gone", async () => {
  const other = await serve();
  await open(browser, other.page, async (page) => {
    await other.stop();
    await page.getByText("The sandbox does not respond").waitFor();
  }, { errors: true });
});
